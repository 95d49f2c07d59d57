"""The nouns every chapter shares. A field's unit and meaning stand beside it, once.

`column(unit, meaning)` is what `tables.py` makes the Arrow schema from, so a table on disk explains
itself. Records are frozen; unknown is None, with a reason in a neighbouring field where it matters.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from shapely import Geometry
from shapely.geometry import Point

from pipeline.errors import BadInput
from pipeline.geo import Grid


def column(unit: str, meaning: str, default: Any = MISSING) -> Any:
    """A dataclass field that is also a table column; `unit` is "" for a pure name or count."""
    metadata = {"unit": unit, "meaning": meaning}
    if default is MISSING:
        return field(metadata=metadata)
    if isinstance(default, list):
        return field(metadata=metadata, default_factory=lambda: list(default))
    return field(metadata=metadata, default=default)


def content_id(prefix: str, *parts: object) -> str:
    """A stable id made from content: the prefix and 16 hex digits of a SHA-256.

    >>> content_id("d", "S2A_X", 12.5, 7.25) == content_id("d", "S2A_X", 12.5, 7.25)
    True
    """
    text = json.dumps(parts, default=str, separators=(",", ":"), ensure_ascii=True)
    return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


# --------------------------------------------------------------------------- places


class ZoneRole(StrEnum):
    """What ships do in a zone."""

    LOAD = "load"
    DISCHARGE = "discharge"
    LAY_BY = "lay-by"
    ANCHORAGE = "anchorage"


class Cargo(StrEnum):
    """What a berth handles."""

    OIL_PRODUCTS = "oil products"
    CRUDE = "crude"
    DRY = "dry"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A berth or an anchorage of a site: where a ship may lie still for days."""

    zone_id: str
    site_id: str
    name: str
    role: ZoneRole
    cargo: Cargo
    polygon: Geometry
    """Water a moored hull covers, lon/lat."""
    source: str
    digitised_on: str
    is_guess: bool
    """True where no source gives the position."""

    @property
    def is_berth(self) -> bool:
        """Berths lie against a quay; anchorages in open water."""
        return self.role is not ZoneRole.ANCHORAGE

    @property
    def handles_oil(self) -> bool:
        """Could a tanker work cargo here?"""
        return self.cargo in (Cargo.OIL_PRODUCTS, Cargo.CRUDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A port or terminal that is watched."""

    site_id: str
    name: str
    country: str
    """ISO 3166 alpha-2."""
    aoi: Geometry
    """Area of interest, lon/lat polygon."""
    zones: tuple[Zone, ...]
    water: tuple[Geometry, ...]
    """Hand-drawn water polygons that override the coastline (lon/lat)."""
    land: tuple[Geometry, ...]
    """Hand-drawn land polygons that override the coastline (lon/lat)."""
    source: str
    digitised_on: str

    def zone_at(self, lon: float, lat: float) -> Zone | None:
        """The zone that covers a position; berths before anchorages, else None."""
        point = Point(lon, lat)
        covering = [zone for zone in self.zones if zone.polygon.covers(point)]
        return min(covering, key=lambda zone: (not zone.is_berth, zone.zone_id), default=None)


# --------------------------------------------------------------------------- pixels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """Pixels with a place and a meaning."""

    grid: Grid
    bands: tuple[str, ...]
    """Sentinel-2 `B02 B03 B04 B08` as reflectance; Sentinel-1 `VV VH` as sigma0, linear power."""
    data: NDArray[np.float32]
    """(bands, height, width)."""
    valid: NDArray[np.bool_]
    """(height, width); True where the sensor delivered data."""
    said_cloud: NDArray[np.bool_] | None = None
    """(height, width); True where the archive's classification says cloud; None: it has none."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit the grid."""
        expected = (len(self.bands), self.grid.height, self.grid.width)
        if self.data.shape != expected or self.valid.shape != expected[1:]:
            raise BadInput(
                "Pixels do not fit their grid",
                expected=f"{expected} and {expected[1:]}",
                found=f"{self.data.shape} and {self.valid.shape}",
            )

    def band(self, name: str) -> NDArray[np.float32] | None:
        """(height, width) of one band, or None where the scene lacks it."""
        return self.data[self.bands.index(name)] if name in self.bands else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """What lies under each pixel of an image; every array is (height, width)."""

    sea: NDArray[np.bool_]
    """True where a ship could float: water of the mask, berths included."""
    cloud: NDArray[np.bool_]
    """True under cloud; all False for Sentinel-1."""
    shore_distance_m: NDArray[np.float32]
    """From the pixel centre to the nearest land pixel; 0 on land."""


class Sensor(StrEnum):
    """The two missions."""

    S1 = "S1"
    S2 = "S2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One acquisition over one site by one sensor. On disk it is a STAC item."""

    scene_id: str
    site_id: str
    sensor: Sensor
    platform: str
    """As in STAC: `sentinel-1a`."""
    provider: str
    product_ids: tuple[str, ...]
    sensed_at: datetime
    """At the AOI, not the start of the granule."""
    bands: tuple[str, ...]
    gsd_m: float
    cloud_fraction: float | None
    """Of the AOI's valid pixels; None for Sentinel-1."""
    valid_fraction: float
    """Share of the AOI the sensor delivered."""
    processing_baseline: str | None = None
    reflectance_offset: float | None = None
    """What was added to DN/10000 when the bands were harmonised; None for Sentinel-1."""
    orbit_state: str | None = None
    """ascending or descending."""
    relative_orbit: int | None = None
    heading_deg: float | None = None
    """Azimuth of the satellite's ground track, degrees; Sentinel-1 only."""
    incidence_deg: float | None = None
    """At the AOI centre; Sentinel-1 only."""
    range_over_velocity_s: float | None = None
    """Slant range / satellite velocity, s: the Doppler displacement's scale; Sentinel-1 only."""

    def __post_init__(self) -> None:
        """Times are aware."""
        if self.sensed_at.tzinfo is None:
            raise BadInput("Scene without a time zone", where=self.scene_id)


class CoverageState(StrEnum):
    """What a pass could show of a zone; the last two are of passes without an image."""

    SEEN = "seen"
    PARTLY = "partly"
    CLOUDY = "cloudy"
    NOT_IMAGED = "not imaged"
    NOT_FETCHED = "not fetched"
    NO_PRODUCT = "no product"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One zone in one pass."""

    site_id: str = column("", "site")
    zone_id: str = column("", "berth or anchorage")
    scene_id: str = column("", "the pass")
    sensor: str = column("", "S1 or S2")
    sensed_at: datetime = column("UTC", "sensing time at the AOI")
    state: str = column("", "seen, partly, cloudy, not imaged, not fetched or no product")
    clear_fraction: float = column("1", "share of the zone imaged and clear of cloud")
    cloud_fraction: float = column("1", "share of the zone under cloud")
    imaged_fraction: float = column("1", "share of the zone with valid pixels")


# --------------------------------------------------------------------------- ships in pictures


class Screened(StrEnum):
    """Why a detection was set aside; nothing is deleted."""

    FIXED_OBJECT = "fixed object"
    AMBIGUITY = "azimuth ambiguity"
    CLOUD = "cloud"
    TOO_SMALL = "shorter than the length floor"
    TOO_LARGE = "longer than any ship"
    SHAPE = "not shaped like a hull"
    ON_LAND = "not on water"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A hull-like object in one scene."""

    GEOMETRY: ClassVar[tuple[str, str]] = ("lon", "lat")

    detection_id: str = column("", "made from the scene and the pixel")
    scene_id: str = column("", "scene it was seen in")
    site_id: str = column("", "site of the scene")
    sensor: str = column("", "S1 or S2")
    sensed_at: datetime = column("UTC", "sensing time at the AOI")
    lon: float = column("deg", "longitude of the hull's centre, WGS 84")
    lat: float = column("deg", "latitude of the hull's centre, WGS 84")
    position_sigma_m: float = column("m", "standard error of the position, each axis")
    row_px: float = column("px", "row of the centre, pixel-edge coordinates")
    col_px: float = column("px", "column of the centre, pixel-edge coordinates")
    outline_px: list[float] = column("px", "oriented box: row0 col0 row1 col1 row2 col2 row3 col3")
    score: float = column("1", "probability that this is a ship, as calibrated for the detector")
    length_m: float = column("m", "hull length from the pixels")
    length_sigma_m: float = column("m", "standard error of the length")
    width_m: float = column("m", "hull width from the pixels")
    width_sigma_m: float = column("m", "standard error of the width")
    axis_deg: float = column("deg", "hull axis clockwise from true north, [0, 180): bow unknown")
    axis_sigma_deg: float = column("deg", "standard error of the axis")
    contrast: float = column("1", "peak over local background, in background deviations")
    p_tanker: float = column("1", "probability that the ship is a tanker")
    p_tanker_basis: str = column("", "what p_tanker rests on")
    zone_id: str | None = column("", "berth or anchorage that covers the centre")
    shore_distance_m: float = column("m", "from the centre to the nearest land")
    cloud_score: float = column("1", "share of cloudy pixels within one hull length")
    empty_share: float | None = column(
        "1", "brightness there when the berth is emptiest over its own; null: not known"
    )
    flags: list[str] = column("", "remarks that do not screen the detection out")
    screened: str | None = column("", "reason it was set aside; null: kept")
    detector: str = column("", "name and version of the detector")
    model_sha256: str | None = column("", "SHA-256 of the weights; null: no weights")
    chip: str | None = column("", "PNG crop, relative to the table's folder")


# --------------------------------------------------------------------------- pictures against air


class Outcome(StrEnum):
    """What matching says of a detection."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    DARK = "dark"
    NO_COVERAGE = "no coverage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Where a track's ship should be at one instant, with its uncertainty."""

    track_id: str
    mmsi: int
    ship_type: int | None
    length_m: float | None
    width_m: float | None
    lon: float
    lat: float
    course_deg: float | None
    """Direction of motion; orients the error ellipse. None when nearly still."""
    heading_deg: float | None
    """Where the bow points, if broadcast."""
    sog_mps: float
    sigma_along_m: float
    """Standard error along the course."""
    sigma_cross_m: float
    """Standard error across the course."""
    p_astray: float
    """Probability that she has manoeuvred or left since, and those errors do not hold."""
    sigma_astray_m: float
    """Standard error in any direction if so."""
    fix_age_s: float
    """To the nearest fix in time."""
    bracketed: bool
    """True where fixes stand on both sides of the instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One detection, and which AIS track it is, if any."""

    match_id: str = column("", "made from detection and outcome")
    detection_id: str = column("", "detection")
    scene_id: str = column("", "scene")
    site_id: str = column("", "site")
    sensed_at: datetime = column("UTC", "sensing time")
    outcome: str = column("", "matched, ambiguous, dark or no coverage")
    track_id: str | None = column("", "best track, where there is one in the gate")
    mmsi: int | None = column("", "MMSI of the best track")
    ship_type: int | None = column("", "AIS type of the best track")
    p_match: float = column("1", "probability that the detection is the best track's ship")
    p_dark: float = column("1", "probability that no ship on the air is the detection")
    llr: float | None = column("nat", "log likelihood ratio, best track against none")
    term_position: float | None = column("nat", "position's part of the ratio")
    term_length: float | None = column("nat", "length's part of the ratio")
    term_axis: float | None = column("nat", "axis' part of the ratio")
    term_type: float | None = column("nat", "ship type's part of the ratio")
    offset_m: float | None = column("m", "from the predicted position to the detection")
    ships_heard: int = column("", "ships heard near the site within the reception window")
    p_heard: float = column("1", "probability that a transmitting ship there would be heard")
    provisional: bool = column("", "true while late AIS may still change the outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class AisInView:
    """One AIS ship predicted inside a scene: did the image show it?"""

    scene_id: str = column("", "scene")
    site_id: str = column("", "site")
    sensed_at: datetime = column("UTC", "sensing time")
    track_id: str = column("", "track")
    mmsi: int = column("", "Maritime Mobile Service Identity")
    lon: float = column("deg", "predicted longitude")
    lat: float = column("deg", "predicted latitude")
    sigma_m: float = column("m", "standard error of the prediction, larger axis")
    status: str = column("", "seen, not seen, cloud or outside")
    p_detect: float = column("1", "probability that the detector finds such a ship")
    detection_id: str | None = column("", "the detection it was matched with")


# --------------------------------------------------------------------------- port calls


class EvidenceClass(StrEnum):
    """What kind of evidence stands behind a call."""

    AIS_VISIT = "AIS_VISIT"
    GAP_SPANS_PORT = "GAP_SPANS_PORT"
    IMAGE_ONLY = "IMAGE_ONLY"
    GAP_AND_IMAGE = "GAP_AND_IMAGE"
    CONTRADICTED = "CONTRADICTED"


DARK = (EvidenceClass.IMAGE_ONLY, EvidenceClass.GAP_AND_IMAGE, EvidenceClass.CONTRADICTED)
"""Classes in which an image shows a ship that was not on the air there."""
TANKER_TYPES = range(80, 90)
"""AIS ship types of tankers, ITU-R M.1371-5, table 53."""
CAP_BBL = 500_000
"""bbl of refined products a calendar year: UN Security Council resolution 2397 (2017), 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortCall:
    """A ship at a berth or anchorage, from arrival to departure, each as an interval."""

    call_id: str = column("", "made from zone, evidence and times")
    site_id: str = column("", "site")
    zone_id: str = column("", "berth or anchorage")
    zone_role: str = column("", "load, discharge, lay-by or anchorage")
    cargo: str = column("", "what the berth handles")
    mmsi: int | None = column("", "ship, where one stands out; null: unknown")
    ship_name: str | None = column("", "its name as broadcast")
    ship_type: int | None = column("", "its AIS type")
    arrival_earliest: datetime | None = column("UTC", "ship not there at this time; null: unknown")
    arrival_latest: datetime = column("UTC", "ship there at this time")
    departure_earliest: datetime = column("UTC", "ship still there at this time")
    departure_latest: datetime | None = column("UTC", "ship gone at this time; null: unknown")
    evidence_class: str = column("", "kind of evidence")
    tier: str = column("", "A to D: how much the evidence bears")
    p_dark: float = column("1", "probability that the ship was not transmitting")
    p_tanker: float = column("1", "probability that the ship is a tanker")
    p_ship: float = column(
        "1", "posterior of the named ship; of an unknown one where none is named"
    )
    length_m: float | None = column("m", "hull length, images combined")
    length_sigma_m: float | None = column("m", "its standard error")
    n_seen: int = column("", "images that show the ship")
    detection_ids: list[str] = column("", "detections")
    gap_ids: list[str] = column("", "gaps of the named ship that span the call")
    track_ids: list[str] = column("", "tracks of AIS visits")
    counter_evidence: list[str] = column("", "what speaks against")

    @property
    def is_dark(self) -> bool:
        """Does an image show the ship, which was not on the air there?"""
        return self.evidence_class in DARK

    @property
    def arrival_90(self) -> tuple[datetime, datetime] | None:
        """90 % interval of the arrival: the bracket less a twentieth at either end.

        Nothing tells one instant in the bracket from another. None without the earlier end.
        """
        if self.arrival_earliest is None:
            return None
        margin = (self.arrival_latest - self.arrival_earliest) / 20
        return self.arrival_earliest + margin, self.arrival_latest - margin

    @property
    def evidence_key(self) -> str:
        """Made from what a person would judge: the images, the ship, class, tier, odds, doubts.

        Odds count to a twentieth: a decision is not opened again for less.
        """
        odds = (round(20.0 * p) for p in (self.p_dark, self.p_ship, self.p_tanker))
        return content_id(
            "evidence", *sorted(self.detection_ids), "gaps", *sorted(self.gap_ids), self.mmsi,
            self.evidence_class, self.tier, *odds, *sorted(self.counter_evidence),
        )  # fmt: skip

    @property
    def is_claim(self) -> bool:
        """A dark call that counts: tier D is a lead."""
        return self.is_dark and self.tier != "D"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenStay:
    """What images showed of one dark call, before anybody is named for it."""

    call_id: str = column("", "dark call")
    zone_id: str = column("", "berth or anchorage")
    lon: float = column("deg", "longitude of its first detection, WGS 84")
    lat: float = column("deg", "latitude of its first detection, WGS 84")
    first_at: datetime = column("UTC", "first image that shows the ship")
    last_at: datetime = column("UTC", "last image that shows her")
    p_false: float = column("1", "probability that no image shows a ship")
    p_unmatched: float = column("1", "probability that no ship on the air is she, mean of images")
    p_unheard: float = column("1", "probability that she transmitted and nobody heard")
    is_dark: bool = column("", "did matching call her dark on any image?")
    at_oil_berth: bool = column("", "is the place a berth for oil?")
    on_air_there: bool = column("", "does a ship report from that very berth meanwhile?")
    provisional: bool = column("", "may late AIS still explain any of the images?")
    may_be_fixture: bool = column("", "on several images, and never seen to arrive or leave?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """One ship against one dark call, by herself: a silence that spans it, or false reports.

    What several calls mean for one another is weighed over the whole season.
    """

    call_id: str = column("", "dark call")
    mmsi: int = column("", "ship")
    ship_name: str | None = column("", "its name as broadcast")
    ship_type: int | None = column("", "its AIS type")
    ship_length_m: float | None = column("m", "its length as broadcast")
    gap_id: str | None = column("", "the silence; null: she reported from elsewhere meanwhile")
    verdict: str | None = column("", "of the silence")
    off_at: datetime | None = column("UTC", "last report before the silence")
    on_at: datetime | None = column("UTC", "first report after; null: still silent")
    data_end_at: datetime | None = column("UTC", "end of the AIS data")
    sail_in_s: float = column("s", "least time from the last report to the berth, by sea")
    sail_out_s: float = column("s", "least time from the berth to the next report, by sea")
    n_not_shown: int = column("", "clear images that do not show her where she reports")
    term_length: float = column("nat", "length agreement against an unknown ship's")
    term_type: float = column("nat", "ship type's part")
    term_listed: float = column("nat", "watch list's and flag's part")
    term_silent: float = column("nat", "how odd the silence, or the false reports, are")
    term_bound: float = column("nat", "course when last heard: for the port or not")
    term_leaving: float = column("nat", "course when heard again: from the port or not")
    reason: str = column("", "the terms in words")


class CallState(StrEnum):
    """How far late evidence may still change a call."""

    PROVISIONAL = "provisional"
    FIRM = "firm"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallVersion:
    """What a run said of a call that no ship reported; rows are added, never changed."""

    event_id: str = column("", "the call through all its versions")
    version: int = column("", "1 is the first")
    recorded_at: datetime = column("UTC", "when the run said so")
    call_id: str = column("", "the call as that run numbered it")
    site_id: str = column("", "site")
    zone_id: str = column("", "berth or anchorage")
    state: str = column("", "provisional, firm or withdrawn")
    evidence_class: str = column("", "kind of evidence")
    tier: str = column("", "A to D")
    mmsi: int | None = column("", "ship, where one stands out")
    p_dark: float = column("1", "probability that the ship was not transmitting")
    p_ship: float = column("1", "posterior of the named ship, or of an unknown one")
    evidence_ids: list[str] = column("", "detections and silences")
    evidence_key: str = column("", "made from what a person would judge")
    changed: list[str] = column("", "since the version before, in words")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A ship that may have made a dark call, or `a ship we do not know` (mmsi null)."""

    call_id: str = column("", "dark call")
    rank: int = column("", "1 is the most probable")
    mmsi: int | None = column("", "ship; null: a ship we do not know")
    ship_name: str | None = column("", "its name as broadcast")
    ship_type: int | None = column("", "its AIS type")
    ship_length_m: float | None = column("m", "its length as broadcast")
    gap_id: str | None = column("", "the silence that spans the call")
    feasible: bool = column("", "can it sail off fix - berth - on fix within the gap?")
    slack_s: float | None = column("s", "time the gap leaves beyond sailing and the seen stay")
    term_length: float = column("nat", "length agreement against an unknown ship's")
    term_type: float = column("nat", "ship type's part")
    term_listed: float = column("nat", "watch list's and flag's part")
    term_gap: float = column("nat", "silence's part: how odd, how tight, bound where")
    posterior: float = column("1", "probability that this ship made the call")
    reason: str = column("", "the terms in words")


# --------------------------------------------------------------------------- voyages


@dataclass(frozen=True, slots=True, kw_only=True)
class Voyage:
    """A load call and the discharge call after it; either may be missing and says so."""

    voyage_id: str = column("", "made from its calls")
    load_call_id: str | None = column("", "call at the loading berth; null: not seen")
    discharge_call_id: str | None = column("", "call at the discharging berth; null: not seen")
    load_site_id: str | None = column("", "site of the load call")
    discharge_site_id: str | None = column("", "site of the discharge call")
    mmsi: int | None = column("", "ship; null: unknown")
    ship_name: str | None = column("", "its name as broadcast")
    is_dark: bool = column("", "true where a call of it was made without AIS")
    loaded_at: datetime | None = column("UTC", "earliest departure from the load berth")
    discharged_at: datetime | None = column("UTC", "latest arrival at the discharge berth")
    p_link: float | None = column("1", "probability that both calls are one ship's voyage")
    length_m: float | None = column("m", "hull length, both calls combined")
    length_sigma_m: float | None = column("m", "its standard error")
    tier: str = column("", "the weaker of its calls' tiers")
    cargo_inference: str = column("", "laden, ballast or unknown, between the calls")
    cargo_basis: str = column("", "what the inference rests on")
    missing: str | None = column("", "which end is missing and why")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """Barrels of one delivery, as an interval and as scenarios."""

    voyage_id: str = column("", "voyage")
    counted_at: datetime = column("UTC", "date it counts against the cap of its calendar year")
    headline: bool = column("", "true: tier A or B; false: upper bound only")
    dwt_basis: str = column("", "where the deadweight comes from")
    dwt_p10_t: float = column("t", "deadweight, 10 % point")
    dwt_p50_t: float = column("t", "deadweight, median")
    dwt_p90_t: float = column("t", "deadweight, 90 % point")
    barrels_p10: float = column("bbl", "10 % point")
    barrels_p50: float = column("bbl", "median")
    barrels_p90: float = column("bbl", "90 % point")
    barrels_load_33: float = column("bbl", "a third laden, median deadweight, product mix")
    barrels_load_60: float = column("bbl", "60 % laden")
    barrels_load_90: float = column("bbl", "90 % laden, as the Panel of Experts counted in 2023")
    barrels_load_100: float = column("bbl", "fully laden")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerTotal:
    """Running total against the cap after each delivery."""

    scope: str = column("", "headline (tiers A and B) or upper bound (A to C)")
    year: int = column("", "calendar year of the cap")
    counted_at: datetime = column("UTC", "after the delivery of this date")
    n_deliveries: int = column("", "deliveries so far this year")
    barrels_p10: float = column("bbl", "10 % point of the year's total so far")
    barrels_p50: float = column("bbl", "median of the year's total so far")
    barrels_p90: float = column("bbl", "90 % point of the year's total so far")
    p_cap_exceeded: float = column("1", "probability that the cap is already exceeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerGroup:
    """Deliveries of one month, or of one ship."""

    scope: str = column("", "headline (tiers A and B) or upper bound (A to C)")
    kind: str = column("", "month or ship")
    key: str = column("", "the month as 2024-03, or the MMSI; unknown: no ship stands out")
    ship_name: str | None = column("", "of a ship, as broadcast")
    n_deliveries: int = column("", "deliveries")
    barrels_p10: float = column("bbl", "10 % point")
    barrels_p50: float = column("bbl", "median")
    barrels_p90: float = column("bbl", "90 % point")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonEstimate:
    """How many dark calls tankers made, those that nobody could see among them."""

    role: str = column("", "load or discharge: which berths")
    site_id: str | None = column("", "site; null: all of that role")
    n_claims: int = column("", "dark calls claimed, tiers A to C")
    n_true: float = column("", "expected true ones among them: the sum of P(dark)")
    stay_median_d: float = column("d", "median stay that the estimate reckons with")
    p_seen_p5: float = column("1", "share of dark calls that are seen and claimed, 5 % point")
    p_seen_p50: float = column("1", "median")
    p_seen_p95: float = column("1", "95 % point")
    calls_p5: float = column("", "dark calls made, 5 % point")
    calls_p50: float = column("", "median")
    calls_p95: float = column("", "95 % point")
    barrels_p5: float | None = column("bbl", "carried on those calls, 5 % point; null: no claim")
    barrels_p50: float | None = column("bbl", "median")
    barrels_p95: float | None = column("bbl", "95 % point")
    n_s1: int = column("", "claims that Sentinel-1 shows")
    n_s2: int = column("", "claims that Sentinel-2 shows")
    n_both: int = column("", "claims that both show")
    two_sensors_p5: float | None = column("", "calls by capture-recapture; null: no overlap")
    two_sensors_p50: float | None = column("", "median")
    two_sensors_p95: float | None = column("", "95 % point")
    basis: str = column("", "what it rests on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something a person should look at, and why."""

    case_id: str = column("", "made from what it is about")
    priority: float = column("", "what a decision is worth: P(dark) x barrels x uncertainty")
    kind: str = column("", "dark call or spoofing lead")
    subject_id: str = column("", "id of the call, or of the track that no image shows")
    site_id: str = column("", "site")
    zone_id: str | None = column("", "berth or anchorage")
    tier: str | None = column("", "tier of the call")
    question: str = column("", "what the person is asked")
    reasons: list[str] = column("", "why it is in the queue, in words")
    chips: list[str] = column("", "crops, relative to the workspace")
    evidence_ids: list[str] = column("", "detections, gaps and tracks behind it")
    evidence_key: str = column("", "a decision taken on another one is open again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A row set aside: rows in = rows out + rows set aside."""

    where: str = column("", "file or table, and row number")
    rule: str = column("", "rule that set it aside")
    value: str = column("", "offending value as found")


# --------------------------------------------------------------------------- truth, where known


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueCall:
    """A port call as it really was, in a simulated season."""

    call_id: str = column("", "made from ship, zone and arrival")
    mmsi: int = column("", "ship's MMSI, whether it transmits or not")
    ship_name: str = column("", "ship's name")
    is_tanker: bool = column("", "tanker")
    is_dark: bool = column("", "AIS off from before arrival to after departure")
    length_m: float = column("m", "length overall")
    site_id: str = column("", "site")
    zone_id: str = column("", "berth or anchorage")
    arrived_at: datetime = column("UTC", "all fast")
    departed_at: datetime = column("UTC", "cast off")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueVoyage:
    """A dark tanker's voyage from load to discharge berth, in a simulated season."""

    voyage_id: str = column("", "made from its calls")
    mmsi: int = column("", "ship")
    load_call_id: str = column("", "true load call")
    discharge_call_id: str | None = column("", "true discharge call; null: season ended before")
    dwt_t: float = column("t", "deadweight")
    barrels: float = column("bbl", "barrels carried")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueHull:
    """A hull inside a simulated scene, visible or under cloud."""

    scene_id: str = column("", "scene")
    mmsi: int = column("", "ship")
    lon: float = column("deg", "true longitude of the hull's centre")
    lat: float = column("deg", "true latitude of the hull's centre")
    length_m: float = column("m", "length overall")
    width_m: float = column("m", "beam")
    axis_deg: float = column("deg", "hull axis, [0, 180)")
    sog_mps: float = column("m/s", "speed over ground")
    is_tanker: bool = column("", "tanker")
    is_dark: bool = column("", "not transmitting at the instant")
    is_visible: bool = column("", "rendered under a clear sky inside the AOI")
    call_id: str | None = column("", "true call it is part of; null: under way")
