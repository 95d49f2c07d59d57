"""Every threshold of the scene chapter."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How scenes are read, and how land, sea and cloud are told apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # coast
    coastline: Literal["osm", "site"] = Field(
        "osm", description="osm: OpenStreetMap's coastline; site: the site's own land polygons only"
    )
    coast_margin_m: float = Field(
        2000.0, gt=0, description="m around the AOI within which land is kept"
    )

    # sea, from the image's own evidence
    coast_error_m: float = Field(
        60.0,
        ge=0,
        description="m by which the vector coast may be wrong inland; measured: shifts of 0-20 m "
        "between OpenStreetMap and 14 Sentinel-2 ports, quays built since up to some tens of m",
    )
    river_width_m: float = Field(
        70.0,
        gt=0,
        description="m; water of the image's own evidence at least so wide is followed up rivers, "
        "where coastlines end and berths do not (Santos: 42 of 51 labelled hulls lay on OSM land)",
    )
    shore_inset_m: float = Field(
        100.0, ge=0, description="m off the vector coast from where water reflectance is learned"
    )
    water_nir_excess: float = Field(
        6.0, gt=0, description="water: NIR below median + this many robust deviations of the sea"
    )
    water_nir_max: float = Field(
        0.10, gt=0, description="reflectance; NIR above it is not called water on land (haze: 0.1)"
    )
    water_ndwi_min: float = Field(
        0.0, description="NDWI of water at least (McFeeters 1996, zero as the border)"
    )
    ground_nir_excess: float = Field(
        0.08,
        gt=0,
        description="reflectance above the sea's median from which broad brightness is ground; "
        "haze over Cartagena reaches 0.05, bare ground and quays exceed 0.1",
    )
    plant_ndvi_min: float = Field(
        0.30, description="NDVI from which sea is called vegetated land; painted decks stay below"
    )
    plant_nir_min: float = Field(0.12, description="reflectance; NIR of vegetation at least")
    island_core_m: float = Field(
        80.0, gt=0, description="m; bright ground broader than this is land (widest ship: 66 m)"
    )
    island_area_m2: float = Field(
        40000.0, gt=0, description="m2 of such ground at least; three rafted ships stay below"
    )
    land_sigma0_db: float = Field(
        -11.0, description="dB; VV smoothed over the island core above this is land (sea: -20 dB)"
    )
    water_sigma0_db: float = Field(
        -17.0, description="dB; VV smoothed below this inside the coast's error is water"
    )
    shore_pad_m: float = Field(
        500.0, ge=0, description="m beyond the image from which land counts for the shore distance"
    )

    # cloud, from the image's own evidence
    cloud_visible_min: float = Field(
        0.22, description="reflectance; the mean of the visible bands of a cloud at least"
    )
    cloud_nir_min: float = Field(0.18, description="reflectance; NIR of a cloud at least")
    cloud_colour_max: float = Field(
        0.25, description="spread of the bands over their mean; soil and roofs are less white"
    )
    cloud_open_m: float = Field(
        200.0, gt=0, description="m; bright things narrower than this are decks, quays, roofs"
    )
    cloud_grow_m: float = Field(
        100.0, ge=0, description="m by which clouds grow, for their thin edges"
    )

    # chips
    chip_m: float = Field(640.0, gt=0, description="m; side of a chip on the ground")
    chip_px: int = Field(512, ge=64, le=4096, description="px; side of a chip's PNG")
    chip_reflectance_max: float = Field(
        0.30, gt=0, description="reflectance shown as white; the stretch is fixed and square-root"
    )
    chip_db_min: float = Field(-25.0, description="dB shown as black")
    chip_db_max: float = Field(5.0, description="dB shown as white")
    chip_scale_bar_m: float = Field(200.0, gt=0, description="m; length of the scale bar")

    # passes that should have been
    due_passes_min: int = Field(
        3, ge=2, description="passes at one phase of the repeat cycle that make a habit"
    )
    due_share_min: float = Field(
        0.6, gt=0, le=1, description="of the cycles since the first pass: known, or it is no habit"
    )
    due_tolerance_s: float = Field(
        600.0, gt=0, description="s; a track is kept to within a kilometre, a slice starts freely"
    )
    due_cycles_beyond: int = Field(
        2, ge=0, description="cycles after its last pass through which a habit is trusted"
    )

    # coverage
    imaged_min: float = Field(
        0.10, ge=0, le=1, description="share of a zone with pixels; below it, it was not imaged"
    )
    seen_min: float = Field(
        0.80, ge=0, le=1, description="clear share of a zone from which a pass has seen it"
    )
    partly_min: float = Field(
        0.30, ge=0, le=1, description="clear share of a zone below which a pass found it cloudy"
    )
