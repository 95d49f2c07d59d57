"""The nouns of what ships say of themselves: fixes, tracks, gaps, and what was heard where.

Each field states its unit and meaning, as in `records`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from pipeline.records import column


class Mark(StrEnum):
    """What cleaning found wrong with a fix. A fix with a mark stays in the table."""

    DUPLICATE = "duplicate"
    POSITION_UNAVAILABLE = "position not available"
    POSITION_OUT_OF_RANGE = "position out of range"
    BAD_MMSI = "not a ship's MMSI"
    JUMP = "impossible jump"
    TEST_MMSI = "an MMSI of tests, not of a ship"
    NULL_ISLAND = "position 0, 0"
    REPEATED = "already said, by another feed or a second before"
    ZOMBIE = "moves, and stays in one place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One position report. Millions of them: the table is used, rarely the record."""

    GEOMETRY: ClassVar[tuple[str, str]] = ("lon", "lat")

    mmsi: int = column("", "Maritime Mobile Service Identity")
    sent_at: datetime = column("UTC", "time of the report")
    lon: float = column("deg", "longitude, WGS 84")
    lat: float = column("deg", "latitude, WGS 84")
    sog_mps: float | None = column("m/s", "speed over ground")
    cog_deg: float | None = column("deg", "course over ground, [0, 360)")
    heading_deg: float | None = column("deg", "true heading, [0, 360)")
    nav_status: int | None = column("", "navigational status code, ITU-R M.1371")
    ais_class: str | None = column("", "A or B, the transceiver's class; null: not told")
    receiver: str | None = column("", "terrestrial or satellite; null: not told")
    mark: str | None = column("", "why cleaning distrusts the row; null: clean")
    source: str = column("", "provider file")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFix:
    """A clean fix, assigned to the track of the ship that sent it."""

    GEOMETRY: ClassVar[tuple[str, str]] = ("lon", "lat")

    track_id: str = column("", "track")
    mmsi: int = column("", "Maritime Mobile Service Identity")
    sent_at: datetime = column("UTC", "time of the report")
    lon: float = column("deg", "longitude, WGS 84")
    lat: float = column("deg", "latitude, WGS 84")
    sog_mps: float | None = column("m/s", "speed over ground")
    cog_deg: float | None = column("deg", "course over ground, [0, 360)")
    heading_deg: float | None = column("deg", "true heading, [0, 360)")
    nav_status: int | None = column("", "navigational status code, ITU-R M.1371")


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """What a ship said of itself, while it said so."""

    mmsi: int = column("", "Maritime Mobile Service Identity")
    first_at: datetime = column("UTC", "first report with these values")
    last_at: datetime = column("UTC", "last report with these values")
    imo: int | None = column("", "IMO number, check digit verified")
    imo_wrong: int | None = column("", "IMO number as sent, whose check digit fails")
    name: str | None = column("", "ship's name")
    callsign: str | None = column("", "call sign")
    ship_type: int | None = column("", "AIS type code; 80-89 tanker")
    length_m: float | None = column("m", "length overall")
    width_m: float | None = column("m", "beam")
    draught_m: float | None = column("m", "draught as typed in by the crew")
    destination: str | None = column("", "destination as typed in by the crew")
    n_reports: int = column("", "number of reports with these values")


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One ship for as long as its reports hang together; two ships on one MMSI are two tracks."""

    track_id: str = column("", "made from MMSI and first fix")
    mmsi: int = column("", "Maritime Mobile Service Identity")
    start_at: datetime = column("UTC", "first fix")
    end_at: datetime = column("UTC", "last fix")
    n_fixes: int = column("", "clean fixes")
    ais_class: str | None = column("", "A or B, as most of its fixes")
    imo: int | None = column("", "IMO number")
    name: str | None = column("", "ship's name")
    ship_type: int | None = column("", "AIS type code; 80-89 tanker")
    length_m: float | None = column("m", "length overall")
    width_m: float | None = column("m", "beam")


class GapVerdict(StrEnum):
    """What a silence means."""

    LIKELY_OFF = "likely off"
    NOT_HEARD = "not heard"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A silence of one ship between two fixes, or still open at the end of the data."""

    gap_id: str = column("", "made from MMSI and off fix")
    mmsi: int = column("", "Maritime Mobile Service Identity")
    track_id: str = column("", "track that falls silent")
    off_at: datetime = column("UTC", "last fix before the silence")
    off_lon: float = column("deg", "longitude of the last fix before")
    off_lat: float = column("deg", "latitude of the last fix before")
    on_at: datetime | None = column("UTC", "first fix after; null: still open")
    on_lon: float | None = column("deg", "longitude of the first fix after")
    on_lat: float | None = column("deg", "latitude of the first fix after")
    data_end_at: datetime = column("UTC", "end of the AIS data this gap was judged on")
    n_expected: float = column("", "reports expected while silent if transmitting in coverage")
    n_other_ships: int = column("", "most ships known near the off and on fixes in an hour")
    n_elsewhere: int = column(
        "", "reports of its MMSI in the silence alone, from elsewhere or without a position"
    )
    n_hours: int = column("h", "hours near the off and on fixes of which other ships tell")
    p_silent_if_on: float = column("1", "probability of this silence had the ship transmitted")
    p_silent_low: float = column("1", "5 % point of that probability")
    p_silent_high: float = column("1", "95 % point of that probability")
    verdict: str = column("", "likely off, not heard or cannot tell")
    reason: str = column("", "the numbers behind the verdict")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReception:
    """What was heard in one cell and hour of the ships known to be there."""

    cell: str = column("", "H3 cell")
    hour_at: datetime = column("UTC", "start of the hour")
    ais_class: str = column("", "A (or not told) or B, the transceiver's class")
    n_known: int = column("", "ships known to be there, from hours before and after")
    n_heard: int = column("", "those of them that were heard in the hour")
    n_satellite: int = column("", "those of them that a satellite heard; 0 where feeds do not tell")
    p_heard: float = column("1", "probability that a transmitting ship there is heard in the hour")
    p_heard_low: float = column("1", "5 % point of that probability")
    p_heard_high: float = column("1", "95 % point of that probability")


class OutageKind(StrEnum):
    """What kept ships from being placed, that was not the ships."""

    RECEIVERS = "receivers out"
    POSITIONS = "positions disturbed"
    CLOCK = "receiver's clock off, put right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Hours in which a region's receivers were out, or its satellite navigation disturbed."""

    outage_id: str = column("", "made from kind, region and beginning")
    kind: str = column("", "receivers out, positions disturbed, or a clock off and put right")
    cell: str | None = column("", "H3 cell of the region; null: the whole feed")
    lon: float | None = column("deg", "its centre's longitude")
    lat: float | None = column("deg", "its centre's latitude")
    start_at: datetime = column("UTC", "start of the first hour")
    end_at: datetime = column("UTC", "end of the last hour")
    n_usual: float = column("", "ships usually heard there in an hour")
    n_found: int = column("", "most ships heard in an hour; disturbed ships; messages of a clock")
    source: str | None = column("", "of a clock: the provider file")
    shift_s: float | None = column("s", "of a clock: by how much it said later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What the receivers heard near a site in one hour."""

    site_id: str = column("", "site")
    hour_at: datetime = column("UTC", "start of the hour")
    n_ships: int = column("", "distinct ships heard within the radius")
    n_fixes: int = column("", "clean fixes within the radius")
    p_heard: float = column("1", "probability that a transmitting ship there is heard in the hour")
    p_heard_low: float = column("1", "5 % point of that probability")


class Lying(StrEnum):
    """Where a ship spent her stop in port."""

    AT_BERTH = "at a berth"
    AT_ANCHORAGE = "at an anchorage"
    AT_ANCHOR = "at anchor outside the anchorages drawn"
    ADRIFT = "stopped outside all zones"
    PASSING = "no stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortVisit:
    """A ship on the air within a port, by the state machine of `ais.port_visits`."""

    visit_id: str = column("", "made from site, MMSI and time")
    site_id: str = column("", "site")
    zone_id: str | None = column("", "berth or anchorage in which she lay; null: in none")
    lying: str = column("", "at a berth, at an anchorage, at anchor, adrift, or no stop")
    mmsi: int = column("", "Maritime Mobile Service Identity")
    track_id: str = column("", "track")
    first_at: datetime = column("UTC", "first fix in port")
    last_at: datetime = column("UTC", "last fix in port")
    entered: bool = column("", "true: seen to come in; false: first heard in port")
    left: bool = column("", "true: seen to leave; false: last heard in port")
    stopped_at: datetime | None = column("UTC", "first fix of her stops; null: never stopped")
    moved_off_at: datetime | None = column("UTC", "last fix of her stops")
    longest_silence_s: float = column("s", "longest time between two fixes")
    confidence: int = column("", "4 entry, exit and stay; 3 lacks one; 2 a stay; 1 a passage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """Two ships side by side at sea, for hours: what a transfer of cargo needs."""

    GEOMETRY: ClassVar[tuple[str, str]] = ("lon", "lat")

    encounter_id: str = column("", "made from both MMSIs and time")
    mmsi: int = column("", "one ship")
    track_id: str = column("", "its track")
    other_mmsi: int = column("", "the other ship")
    other_track_id: str = column("", "its track")
    start_at: datetime = column("UTC", "first time within the distance")
    end_at: datetime = column("UTC", "last time within the distance")
    lon: float = column("deg", "longitude at half time")
    lat: float = column("deg", "latitude at half time")
    median_distance_m: float = column("m", "between the antennas")
    median_speed_mps: float = column("m/s", "of both ships")
    n_steps: int = column("", "times compared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loitering:
    """A ship that hardly moved for hours, far out."""

    GEOMETRY: ClassVar[tuple[str, str]] = ("lon", "lat")

    loitering_id: str = column("", "made from MMSI and time")
    mmsi: int = column("", "Maritime Mobile Service Identity")
    track_id: str = column("", "track")
    start_at: datetime = column("UTC", "start of the first slow hour")
    end_at: datetime = column("UTC", "end of the last")
    lon: float = column("deg", "longitude at half time")
    lat: float = column("deg", "latitude at half time")
    mean_speed_mps: float = column("m/s", "way made over time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an MMSI said of itself, from when to when."""

    mmsi: int = column("", "Maritime Mobile Service Identity")
    imo: int | None = column("", "IMO number, check digit verified")
    imo_wrong: int | None = column("", "IMO number as sent, whose check digit fails")
    name: str | None = column("", "ship's name")
    callsign: str | None = column("", "call sign")
    first_at: datetime = column("UTC", "first report of this identity")
    last_at: datetime = column("UTC", "last report of it")
    n_reports: int = column("", "reports of it")
    oddities: list[str] = column("", "what does not fit: changes, shared and wrong numbers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A ship on a watch list."""

    list_name: str = column("", "file of the list")
    list_version: str | None = column("", "day the list says it was made; null: it does not say")
    entry_id: str | None = column("", "the list's own number of the entry")
    name: str | None = column("", "name")
    names: list[str] = column("", "name, aliases and former names")
    imo: int | None = column("", "IMO number, check digit verified")
    mmsis: list[str] = column("", "MMSIs, present and former")
    callsign: str | None = column("", "call sign")
    programs: str | None = column("", "sanctions programmes, or why she is listed")
    designated_on: datetime | None = column("UTC", "day of designation; null: the list is silent")


class HitBy(StrEnum):
    """What a ship and a list entry share."""

    IMO = "IMO"
    MMSI = "MMSI"
    NAME = "name"


class ListedThen(StrEnum):
    """Was she designated while she said so?"""

    ALL_THE_TIME = "all the time"
    FROM_THEN_ON = "from the designation on"
    NOT_YET = "not yet"
    UNKNOWN = "the list gives no date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An identity that a watch list names. By name alone it is a lead, not a finding."""

    mmsi: int = column("", "Maritime Mobile Service Identity")
    imo: int | None = column("", "IMO number that she sent")
    name: str | None = column("", "name that she sent")
    said_from: datetime = column("UTC", "first report of that identity")
    said_until: datetime = column("UTC", "last report of it")
    matched_by: str = column("", "IMO, MMSI or name: the strongest that both have")
    list_name: str = column("", "file of the list")
    list_version: str | None = column("", "day the list says it was made")
    entry_id: str | None = column("", "the list's own number of the entry")
    listed_name: str | None = column("", "name on the list")
    listed_imo: int | None = column("", "IMO number on the list")
    programs: str | None = column("", "sanctions programmes, or why she is listed")
    designated_on: datetime | None = column("UTC", "day of designation")
    listed_then: str = column("", "designated while she said so: all the time, not yet, unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideEvent:
    """What another provider has found of a ship, by rules of its own."""

    GEOMETRY: ClassVar[tuple[str, str]] = ("lon", "lat")

    event_id: str = column("", "the provider's own id")
    provider: str = column("", "who says so")
    kind: str = column("", "gap, port_visit, encounter, loitering or fishing")
    mmsi: int | None = column("", "ship")
    vessel_name: str | None = column("", "its name, as the provider has it")
    flag: str | None = column("", "its flag, as the provider has it")
    start_at: datetime = column("UTC", "start")
    end_at: datetime | None = column("UTC", "end; null: still going on")
    lon: float = column("deg", "longitude; of a gap that of the last fix before")
    lat: float = column("deg", "latitude")
    other_mmsi: int | None = column("", "the other ship of an encounter")
    on_lon: float | None = column("deg", "of a gap: longitude of the first fix after")
    on_lat: float | None = column("deg", "of a gap: latitude of the first fix after")
    distance_m: float | None = column("m", "gone in a gap, between ships, or way made")
    mean_speed_mps: float | None = column("m/s", "implied, median or mean, as the kind has it")
    confidence: int | None = column("", "of a port visit: 1 to 4")
    place: str | None = column("", "port")
    intentional: bool | None = column("", "of a gap: the provider thinks it deliberate")
