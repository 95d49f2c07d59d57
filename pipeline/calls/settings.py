"""Every threshold of the calls chapter, with its source."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from pipeline.units import DAY_S, HOUR_S, mps_from_knots


class Settings(BaseModel):
    """When a ship has called, and who may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # visits on the air
    stop_begin_mps: float = Field(
        mps_from_knots(0.2), gt=0, description="m/s; 0.2 kn, a stop begins (GFW pipe-anchorages)"
    )
    enter_m: float = Field(
        40.0,
        ge=0,
        description="m around a zone in which a stopped ship lies in it: GPS and antenna",
    )
    exit_m: float = Field(
        200.0, ge=0, description="m around a zone beyond which the ship has left it: hysteresis"
    )
    visit_min_s: float = Field(
        HOUR_S, gt=0, description="s; a shorter stop is no call (manoeuvre, pilot, drift)"
    )

    # one ship on several passes
    stay_mean_s: float = Field(
        2.5 * DAY_S,
        gt=0,
        description="s; mean stay of a small tanker at a berth; an assumption, published images of "
        "one call lie one to four days apart",
    )
    stay_shape: int = Field(
        4,
        ge=1,
        description="of the stays' gamma distribution: they vary by half their mean; "
        "1 would be stays without memory; an assumption",
    )
    berth_taken: float = Field(
        0.15, gt=0, lt=1, description="P(another dark ship lies at the berth); an assumption"
    )
    fleet_length_m: tuple[float, float] = Field(
        (95.0, 25.0), description="m; mean and deviation of an unknown tanker's length (60-135 m)"
    )
    p_missed: float = Field(
        0.15, gt=0, lt=1, description="P(a clear image does not show a ship at a berth)"
    )
    same_berth_m: float = Field(
        150.0, gt=0, description="m between sightings of one ship at a berth: half a hull, warping"
    )
    same_anchorage_m: float = Field(
        500.0, gt=0, description="m between sightings of one anchored ship: two swing radii"
    )
    same_min: float = Field(0.5, gt=0, lt=1, description="P(same ship) from which stays are joined")

    parted_odds_min: float = Field(
        4.0, ge=1,
        description="odds of two ships' silences against one ship's from which a stay is parted; a "
        "stay parted wrongly is a false claim, one not parted a missed one",
    )  # fmt: skip

    # candidates
    speed_max_mps: float = Field(
        mps_from_knots(14.0), gt=0, description="m/s; 14 kn: no small product tanker sails faster"
    )
    unknown_weight: float = Field(
        12.0,
        gt=0,
        description="prior odds of a ship we do not know against one ship that fits in every way: "
        "ships without any AIS, and silences that were not found; an assumption: with it, and one "
        "repeat, the unknown ship ranks first in 71 % of simulated calls whose true ship is left "
        "out, and the true one in 83 % where she is not; half of it gives 63 and 87, twice 77 and "
        "72",
    )
    elsewhere_weight: float = Field(
        3.0,
        ge=1,
        description="how much likelier, next to a silent tanker, another ship or none is anywhere "
        "but at an oil berth; an assumption: trackers are switched off for the berth",
    )
    other_silence: float = Field(
        0.1, gt=0, lt=1, description="P(a ship is silent for a reason of its own); an assumption"
    )
    other_silence_s: tuple[float, float] = Field(
        (6.0 * HOUR_S, 60.0 * DAY_S),
        description="s; silences for a reason of their own are of any length between these, alike "
        "on a logarithmic scale; an assumption",
    )
    stay_doubt: float = Field(
        0.2, gt=0, lt=1,
        description="share of calls whose silence is of any such length too: waiting, drifting, a "
        "tracker left off; an assumption",
    )  # fmt: skip
    type_odds_other: float = Field(
        0.1, gt=0, description="odds of a ship that broadcasts another type at an oil berth: types "
        "are typed in, and laundered identities carry false ones"
    )  # fmt: skip
    type_odds_unknown: float = Field(0.7, gt=0, description="odds of a ship that tells no type")
    listed_odds: float = Field(
        5.0, ge=1,
        description="odds of a ship on a watch list by IMO number or MMSI: more than half of the "
        "43 voyages of 2024 were made by designated ships (OSC)",
    )  # fmt: skip
    name_odds: float = Field(
        2.0, ge=1, description="the same by name alone: names are shared and changed"
    )
    flag_odds: dict[str, float] = Field(
        {"445": 3.0},
        description="odds by flag, the first three digits of the MMSI; 445: North Korea; an "
        "assumption",
    )
    spoofing_odds: float = Field(
        0.02, gt=0, lt=1,
        description="odds that a ship in view reports falsely, before the images; an assumption",
    )  # fmt: skip
    repeats_max: int = Field(
        1, ge=0,
        description="other dark calls of a ship that make her likelier, each as much as she was at "
        "first: who called once calls again (15 ships made the 43 voyages of 2024)",
    )  # fmt: skip
    heading_odds: float = Field(
        2.0, gt=1, description="odds for a last course towards the port, and a first one away"
    )
    heading_for_deg: float = Field(
        45.0, gt=0, le=180, description="deg off the port up to which a course is bound for it"
    )
    heading_against_deg: float = Field(
        90.0, gt=0, le=180, description="deg off the port from which a course is not bound for it"
    )
    heading_min_mps: float = Field(
        mps_from_knots(2.0), gt=0, description="m/s; slower ships' courses say nothing"
    )
    p_wrong_length: float = Field(
        0.05, gt=0, lt=1, description="share of ships whose broadcast length is of no use"
    )
    length_sigma_share: float = Field(
        0.05, gt=0, description="of a broadcast length: typed-in errors"
    )
    listed_max: int = Field(8, ge=1, description="candidates listed a call, the unknown one apart")
    named_min: float = Field(
        0.5, gt=0, le=1, description="posterior from which a call bears a ship's name"
    )

    # evidence
    unheard_hours: float = Field(
        3.0, gt=0, description="h around an image in which a transmitting ship would be heard"
    )
    fixture_images_min: int = Field(
        4, ge=2,
        description="images of one shape, without any proof that it was ever absent, from which it "
        "may be a crane, a pontoon or a laid-up ship: a lead, no claim; an assumption",
    )  # fmt: skip
    silent_share: float = Field(
        0.25, gt=0, lt=1,
        description="share of such ships that AIS does not show, before anything is known: 21 to "
        "30 % of transport and energy vessels (Paolo et al. 2024, Nature 625)",
    )  # fmt: skip
    explained_max: float = Field(
        20.0,
        ge=1,
        description="odds that silent ships who fit may add to a hull's being real; a cap, as "
        "silences are many; of 5, 20 and 100 in simulated seasons, 5 says too little of true calls "
        "and 100 is no better; docs/decisions/0016",
    )
    dark_min: float = Field(
        0.5, gt=0, lt=1, description="P(dark) from which tier C or better: likelier than not"
    )
    tanker_min: float = Field(0.5, gt=0, lt=1, description="P(tanker) from which tier C or better")
    p_tanker_untold: float = Field(
        0.29,
        ge=0,
        le=1,
        description="P(tanker) of a visitor that tells no type: 82 of 286 chips of OpenSARShip",
    )
    p_tanker_lead: float = Field(
        0.5, ge=0, le=1, description="the same of one whose silence spans a port; an assumption"
    )
    lead_range_m: float = Field(
        120_000.0,
        gt=0,
        description="m; a silence that begins and ends within this of a site may hide a call there",
    )
    lead_stay_s: float = Field(
        0.5 * DAY_S, gt=0, description="s; the shortest stay in which a tanker loads"
    )
