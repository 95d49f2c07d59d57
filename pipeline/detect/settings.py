"""Every threshold of the detect chapter."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from pipeline.records import Sensor

RADAR_VIEWS = 4
SCREENING = ("fixed_", "empty_", "arrival_", "ambiguity_", "inclination_")
"""How the names of settings begin that no single scene's detections depend on."""


MODELS = {Sensor.S2: "s2", Sensor.S1: "cfar"}
"""Of hulls of 100 m and more in ports it never saw, `s2` finds 77 % and `cfar` half (model cards);
`s1` has no measured rates yet."""
VIEWS = {Sensor.S2: 8, Sensor.S1: 4}
COARSER: dict[Sensor, tuple[float, ...]] = {Sensor.S2: (), Sensor.S1: ()}
SHARE_MAX = {Sensor.S2: 0.4, Sensor.S1: 0.25}


class Settings(BaseModel):
    """How hulls are found, split, measured, scored and screened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # which detector, and on what
    models: dict[Sensor, str] = Field(
        MODELS,
        description="for each sensor a folder of models/, or a path, or cfar: no learned weights; "
        "a sensor left out keeps its own",
    )
    engine: Literal["auto", "openvino", "torch"] = Field(
        "auto", description="what runs the network; auto: OpenVINO on a CPU, PyTorch on CUDA"
    )
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto: CUDA where there is one"
    )
    raw_score_min: float = Field(
        0.05, gt=0, lt=1, description="raw network scores below are never looked at"
    )
    boxes_max: int = Field(
        4000, ge=1, description="boxes of one window that are looked at, likeliest first"
    )
    box_iou: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="intersection over union at which two boxes are one ship: "
        "the most that labels of rafted ships overlap in 14 ports",
    )
    box_share: float = Field(
        0.55, gt=0, lt=1, description="share of the smaller box at which two are one ship"
    )

    views: dict[Sensor, Annotated[int, Field(ge=1, le=8)]] = Field(
        VIEWS,
        description="ways round that each window is looked at, 1 to 8, and averaged; time grows in "
        "proportion; radar sees from one side and is turned by no quarter: 4 at the most; a sensor "
        "left out keeps its own",
    )
    coarser: dict[
        Sensor, Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(max_length=2)]
    ] = Field(
        COARSER,
        description="shares of the resolution that each window is looked at again with, the finest "
        "first, two at the most, half as many ways round; with (0.7, 0.5) false alarms fall by a "
        "quarter on ports it never saw, but scores are no longer those that a model described "
        "without it was calibrated on; a sensor left out keeps its own",
    )
    coarser_from_m: tuple[float, float] = Field(
        (140.0, 220.0),
        description="m; lengths from the first are the mean of the fine and the first coarser "
        "look's, from the second those of the coarser looks: at full resolution the network was "
        "shown few ships of 300 m",
    )
    batch: int = Field(1, ge=1, description="windows a network is given at a time")
    readers: int = Field(2, ge=1, description="threads that read windows ahead")
    views_ahead: int = Field(4, ge=1, description="windows held in memory at a time")

    # tiles
    tile_px: int = Field(
        1280,
        ge=128,
        description="px; side of the windows that are searched: a Sentinel-2 tile is 10 x 10 of "
        "them, and 2.2 GiB hold those in work; of 1536 px in single precision 3.2 GiB would",
    )
    tile_overlap_px: int = Field(
        128, ge=43, description="px shared by neighbours: more than the longest ship (420 m)"
    )

    # clutter
    false_alarm_probability: float = Field(
        1e-6, gt=0, lt=0.1, description="per sea pixel, shared among the bands that are tested"
    )
    guard_m: float = Field(
        440.0, gt=0, description="m; side of the guard window, longer than the longest ship (420 m)"
    )
    background_m: float = Field(
        900.0, gt=0, description="m; side of the background window around the guard window"
    )
    background_min_px: int = Field(
        400, ge=1, description="sea pixels at which local and scene statistics weigh the same"
    )
    censor_deviations: float = Field(
        4.0, gt=0, description="robust deviations off the local median that do not count as sea"
    )
    lattice_thinning_px: int = Field(
        4, ge=1, description="px; every so many-th pixel enters the local median"
    )
    hull_spectrum: dict[str, float] = Field(
        {"B02": 0.35, "B03": 0.49, "B04": 0.82, "B08": 1.0},
        description="hulls' excess over water relative to B08: medians of ten real ports",
    )
    filter_ridge_reflectance: float = Field(
        0.004, gt=0, description="reflectance added to the sea's spread: keeps the filter broad"
    )
    sample_max_px: int = Field(
        40000, ge=1000, description="sea pixels the scene's robust statistics are taken from"
    )
    sigma_floor_reflectance: float = Field(
        0.002, gt=0, description="reflectance; Sentinel-2's noise on water at 10 m (SNR spec, MRD)"
    )
    s1_looks: float = Field(
        4.4, gt=0, description="equivalent looks of IW GRDH (Sentinel-1 product specification)"
    )
    s1_shape_max: float = Field(
        100.0, gt=1, description="K-distribution shape above which the sea is plain speckle"
    )
    s1_shape_min: float = Field(
        0.5, gt=0, description="K-distribution shape below which moments are not trusted"
    )

    # light from land in sea pixels
    leak_sigma_px: float = Field(
        0.8, gt=0, description="px; optics and coast error, as a Gaussian's standard deviation"
    )
    leak_gain: float = Field(
        1.0, ge=0, description="times the leak that a coast along pixel edges would give"
    )
    land_reach_px: int = Field(
        3, ge=1, description="px around a hull whose land it is compared with in brightness"
    )

    # components
    levels: int = Field(9, ge=1, le=20, description="threshold levels, the first at the threshold")
    level_step: dict[Sensor, float] = Field(
        {Sensor.S2: 1.6, Sensor.S1: 2.0}, description="factor between one level and the next"
    )
    component_min_px: int = Field(3, ge=1, description="pixels of a component at least")
    component_length_max_m: float = Field(
        480.0, gt=0, description="m; longer components are only looked at for what they contain"
    )
    split_least: float = Field(
        0.5, gt=0, le=1, description="parts less likely than this share of the best are debris"
    )
    split_margin: float = Field(
        0.03, ge=0, description="by how much parts must look more like hulls than their whole"
    )

    # rafted ships
    raft_valley: float = Field(
        0.75, gt=0, lt=1, description="share of the lower crest at which a valley parts two hulls"
    )
    raft_width_min_m: float = Field(
        36.0, gt=0, description="m; narrower shapes are one hull: two coasters abreast are wider"
    )
    raft_aspect_max: float = Field(
        2.9, gt=1, description="length over width below which a broad hull is two abreast: 5 to 7.5"
    )
    chain_aspect_min: float = Field(
        9.0, gt=1, description="length over width above which a long hull is looked at for a gap"
    )
    chain_valley: float = Field(
        0.5, gt=0, lt=1, description="share of the lower crest at which two lie end to end"
    )
    part_length_min_m: float = Field(50.0, gt=0, description="m; a part is a ship from here")
    part_width_min_m: float = Field(10.0, gt=0, description="m; a part is a ship from here")

    # measuring
    measure_margin_px: int = Field(3, ge=1, description="px around a component that are measured")
    full_excess_share: dict[Sensor, float] = Field(
        {Sensor.S2: 0.5, Sensor.S1: 1.5},
        description="times the component's median excess that counts as all hull; radar's side "
        "lobes ask for more: least length bias over 195 ships of OpenSARShip",
    )
    psf_sigma_px: dict[Sensor, float] = Field(
        {Sensor.S2: 0.65, Sensor.S1: 0.9},
        description="px; Gaussian of the optics: MTF at Nyquist 0.15-0.3 (ESA) for 10 m bands; IW "
        "GRDH resolution 20 x 22 m",
    )

    # scoring and keeping
    score_weights: tuple[float, ...] = Field(
        (
            -1.78,
            1.46,
            0.22,
            1.93,
            -1.82,
            -0.47,
            -2.85,
            4.81,
            -0.70,
            -1.51,
            -0.05,
            0.09,
            0.03,
            1.56,
            -0.26,
            1.22,
            -0.95,
            3.13,
            1.84,
            -0.29,
            -0.67,
            0.27,
            -0.25,
            3.02,
            -0.32,
            0.63,
            -0.47,
            -0.15,
        ),
        min_length=28,
        max_length=28,
        description="of score.TERMS, fitted on the components of 14 labelled Sentinel-2 ports",
    )
    score_calibration: dict[Sensor, tuple[float, float]] = Field(
        {Sensor.S2: (-0.34, 0.91), Sensor.S1: (2.78, 1.81)},
        description="offset and slope of the final logit, on 14 labelled Sentinel-2 ports and on "
        "radar scenes whose coast is drawn 30 m wrong (`darkcall evaluate radar`)",
    )
    score_keep: float = Field(0.02, ge=0, le=1, description="hulls below are not reported at all")
    score_min: float = Field(0.3, ge=0, le=1, description="hulls below are screened as not a hull")
    score_min_berth: dict[Sensor, float] = Field(
        {Sensor.S2: 0.3, Sensor.S1: 0.1},
        description="the same inside a berth; a weak shape on radar is kept there, to be weighed "
        "with the ships that were silent: its odds inside berths are raised little",
    )
    length_min_m: float = Field(
        41.0,
        gt=0,
        description="m; shorter ones are screened as too small: 60 m, the fleet's shortest, less a "
        "standard error of lengths; `p_tanker` weighs what is short but kept",
    )
    length_max_m: float = Field(420.0, gt=0, description="m; the longest ship afloat is 400 m")
    width_max_m: float = Field(75.0, gt=0, description="m; the beamiest tankers are 68 m")
    cloud_share_max: float = Field(
        0.3, ge=0, le=1, description="share of cloud within one hull length from which it is cloud"
    )
    sea_share_min: float = Field(
        0.4, ge=0, le=1, description="share of the outline on sea below which it is on land"
    )
    merge_overlap: float = Field(
        0.3, gt=0, lt=1, description="intersection over the smaller box at which two are one ship"
    )

    berth_odds: dict[Sensor, float] = Field(
        {Sensor.S2: 20.0, Sensor.S1: 1.0},
        description="odds that a hull-like shape is a hull inside a berth against anywhere along a "
        "coast: as much as leaves an empty, exactly drawn quay below score_min at every sub-pixel "
        "offset (rendered quays); real berths to measure it on are not at hand; flagged",
    )

    # errors
    length_sigma_m: dict[Sensor, float] = Field(
        {Sensor.S2: 18.0, Sensor.S1: 19.0}, description="m; part that does not grow with length"
    )
    length_sigma_share: float = Field(0.04, ge=0, description="of the length: the part that grows")
    width_sigma_m: dict[Sensor, float] = Field(
        {Sensor.S2: 9.0, Sensor.S1: 12.0}, description="m; about a pixel"
    )
    position_sigma_m: dict[Sensor, float] = Field(
        {Sensor.S2: 12.0, Sensor.S1: 15.0}, description="m, each axis; for a ship that lies still"
    )
    axis_sigma_deg: dict[Sensor, float] = Field(
        {Sensor.S2: 4.0, Sensor.S1: 5.0}, description="deg; for hulls of axis_length_m and more"
    )
    axis_length_m: float = Field(
        150.0,
        gt=0,
        description="m; below it the axis error grows as the inverse square of the length",
    )

    # screening across scenes
    fixed_radius_m: float = Field(50.0, gt=0, description="m; the same spot in another pass")
    fixed_length_share: float = Field(0.25, gt=0, description="relative length of the same shape")
    fixed_axis_deg: float = Field(15.0, gt=0, description="deg; axis of the same shape")
    fixed_passes_min: int = Field(5, ge=2, description="passes of a sensor before it can be fixed")
    fixed_pass_share: float = Field(0.6, gt=0, le=1, description="of passes: a fixed object")
    empty_looks_min: int = Field(
        8, ge=2, description="passes over a berth before it is known what it looks like empty"
    )
    empty_looks_dark: int = Field(
        4, ge=2, description="passes over a berth in which a dark place shows that nothing stays"
    )
    empty_share_dark: float = Field(
        0.2, ge=0, lt=1, description="brightness when empty over its own up to which it is dark"
    )
    empty_odds: float = Field(
        4.0,
        ge=1,
        description="odds of a ship against anything else where the place is dark at other times: "
        "of false shapes at real quays 38 in 39 stay (`darkcall evaluate berths`); that one in "
        "four comes and goes is an assumption, as that could not be measured; flagged",
    )
    empty_clear_min: float = Field(
        0.98,
        gt=0,
        le=1,
        description="share of a berth's picture that is seen, below which pieces of cloud may be "
        "about: they come and go as ships do",
    )
    empty_cloud_max: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="share of the whole image under cloud from which pieces of cloud may lie "
        "anywhere; of 243 false shapes in zones of simulated seasons 242 lie in images with more",
    )
    empty_cloudy_odds: float = Field(
        4.0,
        ge=1,
        description="odds of a ship are so many times lower in a berth of such an image: scores "
        "were calibrated under clear skies; judged: only simulated skies could be tried; flagged",
    )
    empty_days_min: float = Field(
        45.0, gt=0, description="d they must span: tankers may lie at a berth for weeks"
    )
    empty_seen_min: float = Field(
        0.9, gt=0, le=1, description="share of an outline that a pass must show to be compared"
    )
    empty_quantile: float = Field(
        0.03,
        ge=0,
        lt=1,
        description="of brightness over passes: the berth at its emptiest; low, as some berths are "
        "taken nine days in ten",
    )
    empty_share_max: dict[Sensor, Annotated[float, Field(gt=0)]] = Field(
        SHARE_MAX,
        description="brightness when empty over its own from which a shape is fixed; in real ports "
        "with their ships painted over, 1 % of ships lie above 0.4 and 11 % of false shapes below. "
        "Radar: speckle makes the outline of what never changes vary by a third, so that of many "
        "passes the darkest has half its mean, and the one it was found in nearly twice",
    )
    arrival_quantile: float = Field(
        0.15,
        ge=0,
        lt=1,
        description="of brightness over passes that is taken off a berth's picture: dark where a "
        "berth is free in one pass of six",
    )
    arrival_water_max: float = Field(
        0.05,
        gt=0,
        description="reflectance above the water's up to which an empty place is water: hulls "
        "stand out by 0.1 and more, quays by 0.15",
    )
    arrival_length_min_m: float = Field(
        55.0,
        gt=0,
        description="m; shorter ones may be edges that lie off: 60 m, the fleet's shortest, less "
        "the mean error of lengths in simulated differences (7 m)",
    )
    arrival_apart_m: float = Field(
        80.0, gt=0, description="m from a detection within which nothing is added to it"
    )
    ambiguity_ratio_min: float = Field(
        60.0, gt=1, description="contrast of a ship over its azimuth ghost: 18 dB at the least"
    )
    ambiguity_near_m: float = Field(
        3800.0, gt=0, description="m; wavelength x PRF x range / (2 x speed), nearest IW sub-swath"
    )
    ambiguity_far_m: float = Field(6000.0, gt=0, description="m; the same, farthest")
    ambiguity_across_m: float = Field(
        400.0, gt=0, description="m off the track's line; Earth rotation turns it by up to 4 deg"
    )
    inclination_deg: float = Field(98.18, description="deg; Sentinel-1's orbit")

    # tanker prior
    tanker_fleet_share: float = Field(
        0.29,
        gt=0,
        lt=1,
        description="tankers among ships; 82 of the 286 AIS-matched chips of OpenSARShip",
    )
    tanker_length_min_m: float = Field(60.0, gt=0, description="m; 5 % point there: 64 m")
    tanker_length_max_m: float = Field(250.0, gt=0, description="m; longest that such ports take")
    tanker_odds_off_length: float = Field(
        0.1, gt=0, lt=1, description="odds factor far outside these lengths; an assumption"
    )
    tanker_ratio: float = Field(
        6.2,
        gt=0,
        description="length / beam, geometric mean of 135 tankers of 50 m and more in AIS statics "
        "(OpenSARShip, MarineCadastre, a satellite day)",
    )
    tanker_ratio_spread: float = Field(
        0.35, gt=0, description="of ln(length / width) as measured: 0.09 of the ships, rest pixels"
    )
    other_ratio: float = Field(
        6.0, gt=0, description="the same of 359 other ships, tugs and barges too"
    )
    other_ratio_spread: float = Field(
        0.43, gt=0, description="as measured: 0.27 of the ships, rest pixels"
    )
    tanker_width_floor_m: float = Field(
        10.0, gt=0, description="m; widths below a pixel are not believed"
    )
    ratio_factor_max: float = Field(
        2.0, ge=1, description="odds factor that a width of some pixels may contribute at most"
    )
    tanker_berth_odds_oil: float = Field(
        20.0,
        gt=0,
        description="odds factor at an oil berth: others have no business there; assumed",
    )
    tanker_berth_odds_dry: float = Field(
        0.1, gt=0, description="odds factor at a dry berth: tankers bunker there; an assumption"
    )

    def of_one_scene(self) -> dict[str, Any]:
        """Settings that the detections of a scene depend on: others do not call for new ones."""
        every = self.model_dump(mode="json")
        return {name: value for name, value in every.items() if not name.startswith(SCREENING)}

    @field_validator("views")
    @classmethod
    def _radar_keeps_its_side(cls, views: dict[Sensor, int]) -> dict[Sensor, int]:
        if views.get(Sensor.S1, 1) > RADAR_VIEWS:
            raise ValueError(f"radar bears {RADAR_VIEWS} views at the most")
        return views

    @field_validator("models", "views", "coarser", "empty_share_max")
    @classmethod
    def _left_out_keeps_its_own(
        cls, given: dict[Sensor, Any], info: ValidationInfo
    ) -> dict[Sensor, Any]:
        own = cls.model_fields[str(info.field_name)].default
        return {sensor: given.get(sensor, own[sensor]) for sensor in Sensor}
