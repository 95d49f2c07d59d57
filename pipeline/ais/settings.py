"""Every threshold of the AIS chapter, with its source."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Ours = Literal[
    "mmsi", "sent_at", "lon", "lat", "sog", "cog", "heading", "status", "imo", "callsign", "name",
    "type", "length", "width", "to_bow", "to_stern", "to_port", "to_starboard", "draught",
    "destination", "ais_class",
]  # fmt: skip
NEEDED: tuple[Ours, ...] = ("mmsi", "sent_at", "lon", "lat")


class Columns(BaseModel):
    """A provider's CSV or Parquet that is none of those known: which column is what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="of the format, as messages name it")
    columns: dict[Ours, str] = Field(
        description="our name to the file's; a file is of this kind that has all of them"
    )
    time_format: str = Field(
        "%Y-%m-%dT%H:%M:%S",
        description="strptime of `sent_at`, UTC, also with .%f; or epoch_s, epoch_ms",
    )
    speed_kn: float = Field(
        1.0, gt=0, description="kn of one unit of `sog`: 0.1 for tenths, 1.943844 for m/s"
    )
    size_m: float = Field(1.0, gt=0, description="m of one unit of lengths, widths, draught")
    receiver: Literal["terrestrial", "satellite"] | None = Field(
        None, description="what kind of receivers the provider has"
    )

    @field_validator("columns")
    @classmethod
    def _has_what_a_fix_needs(cls, columns: dict[Ours, str]) -> dict[Ours, str]:
        missing = [name for name in NEEDED if not columns.get(name)]
        if missing:
            raise ValueError(f"no column named for {', '.join(missing)}")
        return columns


class Spread(BaseModel):
    """How the error of a predicted place grows with the time t to a fix, under way at v m/s.

    Along the course t·hypot(speed_mps, speed_share·v·min(1, √(t / speed_share_s))), across it
    t·v·sin(course_deg); and with P astray·(1 − exp(−t / astray_s)) she has turned or stopped, and
    lies astray_share·v·t off in any direction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    speed_mps: float = Field(gt=0, description="m/s; what speed wanders at the least")
    speed_share: float = Field(ge=0, description="of the speed: what it wanders in the end")
    speed_share_s: float = Field(ge=0, description="s until then; 0: from the start")
    course_deg: float = Field(gt=0, description="deg the course wanders")
    astray: float = Field(ge=0, lt=1, description="P(a manoeuvre) in the end")
    astray_s: float = Field(gt=0, description="s in which two thirds of them have come")
    astray_share: float = Field(gt=0, description="of the way under way: how far off she then is")


class Settings(BaseModel):
    """How AIS files are read, cleaned and judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # reading
    formats: tuple[Columns, ...] = Field(
        (), description="providers' tables besides those known, tried first"
    )
    max_file_bytes: int = Field(
        20_000_000_000, gt=0, description="bytes a file may unpack to; a day of the world is 10 GB"
    )
    max_ratio: float = Field(
        200.0, gt=1, description="unpacked over packed size; AIS text packs about 10 to 1"
    )

    satellite_stations: str = Field(
        "orbcomm|exact|spire", description="pattern, any case, of the stations in raw AIS that are "
        "satellites; other named stations are terrestrial"
    )  # fmt: skip

    # cleaning
    speed_max_kn: float = Field(
        102.2, description="kn; 102.3 is `not available`, ITU-R M.1371-5 table 48"
    )
    duplicate_m: float = Field(
        100.0,
        ge=0,
        description="m; two rows of one MMSI and second nearer than this are one report",
    )
    jump_kn: float = Field(
        40.0, gt=0, description="kn implied between fixes of one ship; tankers make 16, "
        "RadianceFleet flags 50, gpsdio-segment 25 with a penalty from 5"
    )  # fmt: skip
    jump_floor_m: float = Field(
        2000.0, ge=0, description="m; shorter hops are never a jump, whatever the clock says"
    )
    linger_kn: float = Field(
        5.0, ge=0, description="kn by which a splinter recedes as it ages when a fix is given to "
        "the nearest ship; gpsdio-segment's penalty speed"
    )  # fmt: skip
    fragment_min_fixes: int = Field(
        3, ge=1, description="fixes; a splinter of an MMSI with fewer is no track but a fault"
    )

    zombie_m: float = Field(
        200.0,
        gt=0,
        description="m that a ship must have gone by her speed while her position stood",
    )
    clock_off_min_s: float = Field(
        30.0,
        gt=0,
        description="s by which a receiver's clock is off at least, to be put right: GFW's",
    )
    clock_off_max_s: float = Field(
        2 * 86_400.0, gt=0, description="s; GFW has seen satellites' clocks off by two days"
    )
    clock_pairs_min: int = Field(
        20, ge=2, description="messages of moving ships that two sources must both have"
    )
    sort_bytes: int = Field(
        1_000_000_000, gt=0, description="bytes of memory for sorting; what does not fit spills"
    )

    # gaps
    gap_min_s: float = Field(
        6 * 3600.0, gt=0, description="s; a longer silence is a gap, as in GFW pipe-gaps' pipeline"
    )
    tanker_speed_max_kn: float = Field(
        14.0, gt=0, description="kn a tanker of 1,000-9,000 dwt makes at most"
    )
    off_p_silent_max: float = Field(
        0.05, gt=0, lt=1, description="a gap is `likely off` where the upper end of the 90 % "
        "interval of P(silent | transmitting) is at most this"
    )  # fmt: skip
    unheard_p_silent_min: float = Field(
        0.5, gt=0, lt=1, description="and `not heard` where the lower end is at least this"
    )

    # reception
    reception_radius_m: float = Field(
        111_000.0,
        gt=0,
        description="m around a site, or from a fix that a ship can have gone in a "
        "silence; shore stations hear 40-60 nm",
    )
    reception_prior: tuple[float, float] = Field(
        (1.0, 1.0), description="Beta prior of being heard in an hour, after Hammond & Peters 2012"
    )

    reception_bin_s: float = Field(3600.0, gt=0, description="s of one 'hour' of reception")
    present_bins: int = Field(
        3, ge=1, description="hours before and after in which a ship must have been heard to be "
        "known present; 1 in Hammond & Peters 2012, who had no satellites"
    )  # fmt: skip
    still_bins: int = Field(
        24, ge=1, description="hours between two fixes in one place, in which the ship was there"
    )
    present_still_m: float = Field(
        2000.0, gt=0, description="m between two fixes that are one place: a berth or an anchorage"
    )
    round_about_ships: float = Field(
        4.0, gt=0, description="ships for which the larger cell's reception stands in a cell's own"
    )
    habit_hours: float = Field(
        10.0, gt=0, description="hours for which the neighbours' reception stands in a ship's own"
    )
    outage_window_bins: int = Field(
        84, ge=2, description="hours on both sides that tell what is usual: a week in all"
    )
    outage_min_ships: float = Field(
        8.0, gt=0, description="ships an hour below which a region cannot tell an outage; "
        "RadianceFleet's feed outage detector"
    )  # fmt: skip
    outage_share: float = Field(
        0.15, ge=0, lt=1, description="of the usual ships at most heard in an outage; RadianceFleet"
    )
    jamming_min_ships: int = Field(
        3, ge=2, description="ships with impossible positions in one region and hour"
    )

    # port visits: Global Fishing Watch, anchorages_pipeline 099169e, anchorage_cfg.yaml
    port_enter_m: float = Field(3000.0, gt=0, description="m to a zone within which a ship enters")
    port_exit_m: float = Field(4000.0, gt=0, description="m to every zone beyond which she leaves")
    stop_kn: float = Field(0.2, ge=0, description="kn at which a stop begins")
    start_kn: float = Field(0.5, gt=0, description="kn at which it ends")
    port_silence_s: float = Field(4 * 3600.0, gt=0, description="s of silence in port, an event")

    # encounters: encounters_pipeline f58feed, README and product documentation
    encounter_m: float = Field(500.0, gt=0, description="m between two ships at most")
    encounter_min_s: float = Field(7200.0, gt=0, description="s it lasts at least")
    encounter_kn: float = Field(2.0, gt=0, description="kn below which both ships' median lies")
    encounter_merge_s: float = Field(4 * 3600.0, gt=0, description="s between two that are one")
    encounter_step_s: float = Field(600.0, gt=0, description="s between positions compared")
    encounter_gap_s: float = Field(3600.0, gt=0, description="s between fixes, interpolated over")
    encounter_shore_m: float = Field(10_000.0, ge=0, description="m from any coast at least")

    # loitering: pipe-loitering 6d2c5e8 and its documentation
    loiter_kn: float = Field(2.0, gt=0, description="kn below which an hour's mean lies")
    loiter_min_s: float = Field(4 * 3600.0, gt=0, description="s it lasts at least")
    loiter_shore_m: float = Field(37_040.0, ge=0, description="m from any coast at least: 20 nm")

    # prediction
    bracket_max_s: float = Field(
        3 * 3600.0, gt=0, description="s between the fixes on both sides of an instant, under way"
    )
    still_bracket_max_s: float = Field(
        24 * 3600.0, gt=0, description="s between them, if the ship lay still in one place at both"
    )
    hermite_max_s: float = Field(
        1200.0, gt=0, description="s between fixes up to which speed and course shape the curve"
    )
    reckon_max_s: float = Field(
        7200.0, gt=0, description="s a position is carried forward or back from one side alone"
    )
    still_kn: float = Field(0.5, ge=0, description="kn; slower is lying still")
    still_hop_m: float = Field(400.0, ge=0, description="m between two fixes of a ship lying still")
    sigma_fix_m: float = Field(
        30.0, gt=0, description="m; antenna to hull centre and GPS, each axis"
    )
    swing_sigma_m: float = Field(
        40.0,
        ge=0,
        description="m, each axis, at anchor and at berths: OpenSARShip's ships at rest lie 53 m "
        "(median) off their reports",
    )
    sigma_clock_s: float = Field(
        25.0, ge=0,
        description="s by which times of reports are off: 43 ships of OpenSARShip at 7 kn and more "
        "lie 18 s of their way (median) off, along their course",
    )  # fmt: skip
    one_side: Spread = Field(
        Spread(
            speed_mps=0.25, speed_share=0.83, speed_share_s=2950.0, course_deg=6.1,
            astray=0.31, astray_s=128.0, astray_share=0.71,
        ),
        description="errors of dead reckoning; greatest likelihood on 165 real ships of the Solent "
        "and of Vladivostok's roads, fixes of 1 min to 2 h",
    )  # fmt: skip
    two_sides: Spread = Field(
        Spread(
            speed_mps=0.10, speed_share=0.28, speed_share_s=0.0, course_deg=1.7,
            astray=0.29, astray_s=390.0, astray_share=0.27,
        ),
        description="errors between two fixes, times taken as the root of the product of the times "
        "to both; the same ships",
    )  # fmt: skip
    leave_s: float = Field(
        18 * 3600.0, gt=0,
        description="s in which a ship that lay still at her one known fix is gone, on average: "
        "9 % after 2 h in Vladivostok's roads",
    )  # fmt: skip
    leave_mps: float = Field(
        0.8, gt=0, description="m/s; spread of those that left, times their fix's age; the same"
    )
    gate_sigma: float = Field(
        3.0, gt=0, description="standard errors from the AOI within which a ship may be in view"
    )
