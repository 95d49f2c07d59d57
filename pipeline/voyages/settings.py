"""Every threshold of the voyages chapter, with its source."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from pipeline.units import DAY_S, mps_from_knots


class Settings(BaseModel):
    """How calls are joined, and how barrels are counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # sea time
    speed_max_mps: float = Field(
        mps_from_knots(14.0), gt=0, description="m/s; 14 kn: no small product tanker sails faster"
    )
    speed_slow_mps: float = Field(
        mps_from_knots(5.0), gt=0, description="m/s; 5 kn: a slow passage; beyond it the ship waits"
    )
    wait_mean_s: float = Field(
        2 * DAY_S, gt=0, description="s; mean wait off the discharge berth; an assumption"
    )
    wait_max_s: float = Field(
        10 * DAY_S,
        gt=0,
        description="s; longest wait that is linked; an assumption",
    )
    open_end_s: float = Field(
        10 * DAY_S,
        gt=0,
        description="s; how far an unknown end of an arrival or departure may reach; an assumption",
    )

    # cargo
    draught_days: float = Field(
        20.0, gt=0, description="d before or after a call within which a draught tells of it"
    )
    draught_share_min: float = Field(
        0.10,
        gt=0,
        lt=1,
        description="of the draught: a smaller change tells nothing; a small "
        "tanker draws about a half more laden than in ballast",
    )

    # identity
    fleet_ships: int = Field(
        25,
        ge=1,
        description="tankers that share the trade: 25 active January to April 2023 (Panel of "
        "Experts); two ships we do not know are one with probability 1 / fleet_ships",
    )
    length_sigma_default_m: float = Field(
        8.0,
        gt=0,
        description="m; error of a length that comes without one: broadcast, 8 % of 100 m",
    )
    named_min: float = Field(
        0.5, ge=0, le=1, description="share of P(same ship) from which one ship stands out by name"
    )

    # chance
    deliveries_per_day: float = Field(
        0.177, gt=0, description="1/day at least: 43 voyages in 243 days (Open Source Centre, 2024)"
    )
    p_load_seen: float = Field(
        0.7, gt=0, lt=1, description="of load calls that some pass or receiver saw; an assumption"
    )
    p_discharge_seen: float = Field(
        0.7, gt=0, lt=1, description="of discharge calls, the same; an assumption"
    )
    laden_link_min: float = Field(
        0.5, ge=0, le=1, description="p_link from which the order of calls says laden"
    )

    # what was missed
    claim_score_min: float = Field(
        0.8,
        ge=0,
        le=1,
        description="detection score from which a dark hull would be claimed: `calls.dark_min` of "
        "a single image, at the odds of `calls.silent_share`",
    )
    claim_score_explained_min: float = Field(
        1.0 / 6.0,
        ge=0,
        le=1,
        description="the same where a silent ship explains the hull, which "
        "adds odds of up to `calls.explained_max` to those",
    )
    recall_length_m: tuple[float, float] = Field(
        (50.0, 250.0), description="m; ships on AIS of these lengths tell how well hulls are seen"
    )
    recall_prior: tuple[float, float] = Field(
        (0.6, 1.5),
        description="mean and deviation of the logit of recall at 100 m before any ship"
        " was looked for: 0.25 to 0.95, about what detectors reach at quays",
    )
    recall_length_prior: tuple[float, float] = Field(
        (1.5, 1.5), description="the same of its slope over ln length: the long are seen better"
    )
    recall_site_spread: float = Field(
        1.0, gt=0, description="deviation of what a site adds to the logit, for each sensor"
    )
    stay_prior_d: tuple[float, float] = Field(
        (2.0, 0.5),
        description="d; median and log deviation of a tanker's stay before any was "
        "heard: a product tanker of this size loads in one to three days; an assumption",
    )
    stay_prior_weight: float = Field(
        5.0, gt=0, description="stays heard that the assumption weighs as much as"
    )

    # cadence
    change_price: float = Field(
        1.5,
        gt=0,
        description="times ln(weeks): log-likelihood that a change of the rate must gain, as "
        "Schwarz's criterion (1978) has it for a rate and its date",
    )

    # deadweight from length
    fleet_length_m: tuple[float, float] = Field(
        (90.0, 18.0),
        description="m; mean and deviation of the fleet's lengths: 60 to 130 m, mostly at the low "
        "end (1,000 to 9,000 dwt, Seatrade 22 Nov 2024)",
    )
    fleet_length_range_m: tuple[float, float] = Field(
        (55.0, 135.0), description="m; lengths the fleet has at all"
    )
    length_dwt_pairs: tuple[tuple[float, float], ...] = Field(
        (
            (60.0, 1000.0),
            (75.0, 1500.0),
            (85.0, 3000.0),
            (100.0, 4000.0),
            (99.9, 5807.0),
            (115.0, 9000.0),
            (130.0, 9000.0),
        ),
        min_length=3,
        description="(m, t) that dwt = a·length^b is fitted through: ends of the size classes of "
        "small product tankers (general knowledge, to be replaced from registers) and DAEHO "
        "SUNRISE, 99.9 m and 5,807 dwt (published)",
    )
    dwt_spread: float = Field(
        0.20, gt=0, description="of ln dwt, ship by ship: residual of the pairs about their line"
    )
    dwt_common_spread: float = Field(
        0.15,
        ge=0,
        description="of ln dwt, all ships alike: the line rests on few pairs, and lengths from "
        "pixels share a bias of some metres; an assumption",
    )

    # barrels
    cargo_share: tuple[float, float] = Field(
        (0.93, 0.96), description="cargo over deadweight: the rest is fuel, stores and heel"
    )
    full_load: tuple[float, float] = Field(
        (0.90, 0.98),
        description="of the cargo capacity when full: 0.90 (Panel of Experts 2023), 0.95 "
        "(VesselsValue), `leaving almost full` (BBC 2024)",
    )
    part_load: tuple[float, float] = Field(
        (1.0 / 3.0, 0.90),
        description="of the cargo capacity when not full: 33 and 60 % scenarios of complaints to "
        "the 1718 Committee",
    )
    full_share: tuple[float, float] = Field(
        (0.7, 1.0), description="share of deliveries that are full; one unknown for the whole fleet"
    )
    bbl_per_t_diesel: float = Field(
        7.46, gt=0, description="bbl/t; gas oil (BP Statistical Review 2021; Argus 7.44-7.48)"
    )
    bbl_per_t_mix: float = Field(
        7.9, gt=0, description="bbl/t; product mix: 52,910 t = 418,000 bbl notified for 2019"
    )
    bbl_per_t_un: float = Field(
        8.33, gt=0, description="bbl/t; 1718 Committee practice: 1,410 t = 11,745 bbl, August 2021"
    )

    # Monte Carlo
    seed: int = Field(2397, ge=0, description="of every draw")
    n_draws: int = Field(4000, ge=200, description="draws a delivery: P90 stable to about 1 %")
