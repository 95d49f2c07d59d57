"""What the fetch chapter must be told of files that do not explain themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class GeotiffDefaults(BaseModel):
    """What bare GeoTIFFs in a folder are, all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sensor: str = Field("S2", pattern="^S[12]$", description="S1 or S2")
    platform: str = Field("sentinel-2", description="as in STAC: sentinel-1a, sentinel-2b …")
    bands: tuple[str, ...] = Field(
        ("B02", "B03", "B04", "B08"), min_length=1, description="band names, in the file's order"
    )
    scale: float = Field(1e-4, gt=0, description="physical value of one digital number")
    offset: float = Field(0.0, description="physical value of digital number 0")
    nodata: float | None = Field(0.0, description="digital number without data")
    sensed_at: AwareDatetime = Field(
        description="UTC; a placeholder where the files' own time is not known, and then it says so"
    )
    sensed_at_is_placeholder: bool = Field(
        False, description="true: the time is made up and stands in the product id as such"
    )
    provider: str = Field("folder", description="where the files come from")


class NetcdfDefaults(BaseModel):
    """What the numbers of netCDF files are, all of them; openEO writes none of it down."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    platform: str = Field("sentinel-2", description="as in STAC: sentinel-2a, sentinel-2b …")
    provider: str = Field("openeo", description="where the files come from")
    scale: float = Field(gt=0, description="reflectance of one digital number")
    offset: float = Field(0.0, description="reflectance of digital number 0")


class StacProvider(BaseModel):
    """A STAC API whose assets are open COGs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["stac"] = Field(description="keyless")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="short name")
    url: str = Field(pattern=r"^https?://", description="of the API's landing page")
    collections: tuple[str, ...] = Field(min_length=1, description="collections to search")
    asset_hosts: tuple[str, ...] = Field(
        (), description="hosts besides the API's own that assets may lie on, as *.example.org"
    )
    signing_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="signs an asset's address, asked as ?href=…, answers {href: …}; as "
        "https://planetarycomputer.microsoft.com/api/sas/v1/sign",
    )
    lookback_days: int = Field(
        30, ge=0, description="days before the last search that are asked for again: late products"
    )
    retries: int = Field(5, ge=0, le=20, description="of a failed request")
    timeout_s: float = Field(60.0, gt=0, description="s; of one request")


class SentinelHubProvider(BaseModel):
    """Sentinel Hub: Copernicus Data Space, or a commercial account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sentinelhub"] = Field(description="with an account")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="short name")
    base_url: str = Field(
        "https://sh.dataspace.copernicus.eu", pattern=r"^https?://", description="of the service"
    )
    token_url: str = Field(
        "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",
        pattern=r"^https?://",
        description="of its identity service",
    )
    collections: tuple[Literal["sentinel-2-l2a", "sentinel-2-l1c", "sentinel-1-grd"], ...] = Field(
        ("sentinel-2-l2a", "sentinel-1-grd"), min_length=1, description="what to take"
    )
    units_a_run: float = Field(
        300.0, ge=0, description="processing units one run may ask for: free accounts have 300/min"
    )
    units_a_month: float = Field(
        10_000.0, ge=0, description="the same for a calendar month (UTC): a free account's quota"
    )
    lookback_days: int = Field(
        30, ge=0, description="days before the last search that are asked for again: late products"
    )
    retries: int = Field(5, ge=1, le=20, description="of a failed request")
    wait_s: float = Field(
        2.0, gt=0, description="s; before the first retry, three times as long each"
    )
    timeout_s: float = Field(120.0, gt=0, description="s; of one request")


Provider = Annotated[StacProvider | SentinelHubProvider, Field(discriminator="kind")]


class Settings(BaseModel):
    """How folders are searched for scenes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    geotiff_defaults: GeotiffDefaults | None = Field(
        None, description="describes bare GeoTIFFs; null: they are refused as undescribed"
    )
    netcdf_defaults: NetcdfDefaults | None = Field(
        None, description="describes netCDF files; null: they are refused as undescribed"
    )
    providers: tuple[Provider, ...] = Field(
        (), description="archives asked for scenes over the sites"
    )
    evidence: bool = Field(
        False, description="keep the untouched original bytes beside the working copy"
    )
    exclude: tuple[str, ...] = Field(
        (), description="patterns of paths below a scene folder that are passed over, as `native/*`"
    )
    max_files: int = Field(
        200_000, gt=0, description="files looked at in a folder before it is refused as no archive"
    )
