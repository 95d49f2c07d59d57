"""Sentinel Hub: its catalogue searched, and each pass taken by one Process API request.

Nothing is mosaicked across passes: a request's window is some minutes around one. Sentinel-2 comes
as the products' own digital numbers, not harmonised, as harmonising clips dark water to 0; no data
is told by the data mask, not by 0.
"""

from __future__ import annotations

import tarfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import requests
from numpy.typing import NDArray
from oauthlib.oauth2 import OAuth2Error
from sentinelhub import (
    CRS,
    BBox,
    DataCollection,
    MimeType,
    SentinelHubCatalog,
    SentinelHubRequest,
    SentinelHubSession,
    SHConfig,
)
from sentinelhub import (
    Geometry as Outline,
)
from sentinelhub.exceptions import (
    DownloadFailedException,
    ImageDecodingError,
    OutOfRequestsException,
    SHRateLimitWarning,
)
from shapely import Geometry
from tifffile import TiffFileError

from pipeline.errors import (
    BadInput,
    DarkcallError,
    QuotaSpent,
    Refused,
    TryLater,
    Unreachable,
)
from pipeline.fetch.reached import Reached, asked
from pipeline.fetch.said import plain, reason
from pipeline.fetch.settings import SentinelHubProvider
from pipeline.fetch.stac import BANDS, CLASSES
from pipeline.records import Sensor

MAX_SIDE_PX = 2500
"""Of one request (Process API)."""
WINDOW = timedelta(minutes=5)
"""Before and after a pass: granules differ by seconds, the next pass is 50 minutes off."""
MAX_ITEMS = 20_000
UNIT_PX = 512 * 512
UNIT_BANDS = 3
"""One processing unit: 512 × 512 px, 3 bands, 16 bit (Sentinel Hub documentation)."""
LEAST_UNITS = 0.005
RADAR_FACTOR = 4.0
"""Float output × 2, orthorectification × 2."""
RAISED = (
    DownloadFailedException, OutOfRequestsException, requests.RequestException, OAuth2Error,
    ImageDecodingError, tarfile.TarError, TiffFileError, ValueError, KeyError, TypeError, EOFError,
    OSError,
)  # fmt: skip
"""By the library, on the way to an answer and in reading it."""
_SCRIPT = """//VERSION=3
function setup() {{
  return {{
    input: [{{bands: [{names}, "dataMask"]{units}}}],
    output: [
      {{id: "bands", bands: {count}, sampleType: "{kind}"}},
      {{id: "mask", bands: 1, sampleType: "UINT8"}}
    ]
  }};
}}
function evaluatePixel(sample) {{
  return {{bands: [{samples}], mask: [sample.dataMask]}};
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Of the user's OAuth client."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        """Never the secret: this may stand in a traceback."""
        return "Credentials(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """One pass over one place."""

    collection: str
    sensor: Sensor
    sensed_at: datetime
    epsg: int
    bounds: tuple[float, float, float, float]
    """West, south, east, north; whole tens of metres in UTM."""

    @property
    def bands(self) -> tuple[str, ...]:
        """What is asked for, in order."""
        return bands_of(self.sensor, self.collection)


def bands_of(sensor: Sensor, collection: str) -> tuple[str, ...]:
    """What a pass is asked for: the bands we use, and the scene classification of Level 2A."""
    classified = sensor is Sensor.S2 and "l2a" in collection.lower()
    return (*BANDS[sensor], CLASSES) if classified else BANDS[sensor]


def units_of(height_px: int, width_px: int, sensor: Sensor, collection: str) -> float:
    """Processing units of one pass over a place of so many 10 m pixels.

    Area in 512 × 512 px, times bands over three, times two for 32 bit and two for
    orthorectification; the data mask is free (Sentinel Hub documentation, processing unit).
    """
    area = height_px * width_px / UNIT_PX
    factor = RADAR_FACTOR if sensor is Sensor.S1 else 1.0
    return max(LEAST_UNITS, area * len(bands_of(sensor, collection)) / UNIT_BANDS * factor)


def catalogue(
    provider: SentinelHubProvider,
    credentials: Credentials,
    aoi: Geometry,
    start: datetime,
    end: datetime,
) -> list[dict[str, Any]]:
    """STAC items of the provider's collections over a lon/lat polygon, times in [start, end).

    Raises:
        UsageError: the credentials are refused.
        TryLater: no answer, too many requests, quota spent.
        BadInput: an answer that is not understood, or never ends.
    """
    found: list[dict[str, Any]] = []
    try:
        for collection in provider.collections:
            items = SentinelHubCatalog(config=_config(provider, credentials)).search(
                collection, time=(start, end), geometry=Outline(aoi, CRS.WGS84), limit=100
            )
            for item in items:
                found.append({**item, "darkcall:collection": collection})
                if len(found) > MAX_ITEMS:
                    raise BadInput(
                        "Catalogue gives more scenes than there can be",
                        where=provider.base_url,
                        expected=f"at most {MAX_ITEMS} a site",
                        do="Shorten the period",
                    )
    except RAISED as error:
        raise _explained(error, provider) from None
    return found


def reach(provider: SentinelHubProvider, timeout_s: float) -> Reached:
    """Ask the service for anything, once; it needs no account to answer.

    Raises:
        Unreachable: no answer in time.
    """
    with requests.Session() as session:
        return asked(session, provider.base_url, timeout_s)


def check_credentials(provider: SentinelHubProvider, credentials: Credentials) -> None:
    """Fetch a token and let it go.

    Raises:
        UsageError: the credentials are refused.
        TryLater: the identity service does not answer.
        BadInput: its answer is not understood.
    """
    try:
        once = provider.model_copy(update={"retries": 1})
        SentinelHubSession(_config(once, credentials), refresh_before_expiry=None)
    except RAISED as error:
        raise _explained(error, provider) from None


def acquire(
    provider: SentinelHubProvider, credentials: Credentials, wanted: Acquisition
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pixels of one pass.

    Returns:
        (bands, height, width) as `wanted.bands`, uint16 digital numbers for Sentinel-2 and
        float32 sigma nought (ellipsoid) for Sentinel-1; and (height, width), False where there are
        no data.

    Raises:
        UsageError, TryLater, BadInput: as `catalogue`.
    """
    west, south, east, north = wanted.bounds
    width, height = round((east - west) / 10.0), round((north - south) / 10.0)
    kind = np.float32 if wanted.sensor is Sensor.S1 else np.uint16
    bands = np.zeros((len(wanted.bands), height, width), kind)
    mask = np.zeros((height, width), np.bool_)
    for top in range(0, height, MAX_SIDE_PX):
        for left in range(0, width, MAX_SIDE_PX):
            rows = slice(top, min(height, top + MAX_SIDE_PX))
            cols = slice(left, min(width, left + MAX_SIDE_PX))
            box = (
                west + 10.0 * cols.start, north - 10.0 * rows.stop,
                west + 10.0 * cols.stop, north - 10.0 * rows.start,
            )  # fmt: skip
            shape = (rows.stop - rows.start, cols.stop - cols.start)
            part, there = _part(provider, credentials, wanted, box, shape)
            bands[:, rows, cols], mask[rows, cols] = part, there
    return bands, mask


def _part(
    provider: SentinelHubProvider,
    credentials: Credentials,
    wanted: Acquisition,
    box: tuple[float, float, float, float],
    shape: tuple[int, int],
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    request = SentinelHubRequest(
        evalscript=_script(wanted.sensor, wanted.bands),
        input_data=[_input(provider, wanted)],
        responses=[
            SentinelHubRequest.output_response("bands", MimeType.TIFF),
            SentinelHubRequest.output_response("mask", MimeType.TIFF),
        ],
        bbox=BBox(box, crs=CRS(str(wanted.epsg))),
        size=(shape[1], shape[0]),
        config=_config(provider, credentials),
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SHRateLimitWarning)
            (answer,) = request.get_data()
        bands, mask = np.asarray(answer["bands.tif"]), np.asarray(answer["mask.tif"])
    except RAISED as error:
        raise _explained(error, provider) from None
    expected = (*shape, len(wanted.bands))
    if bands.shape != expected or mask.shape != shape:
        raise BadInput(
            "Answer has another size than was asked for",
            where=provider.base_url,
            expected=expected,
            found=f"{bands.shape}, mask {mask.shape}",
        )
    return np.moveaxis(bands, -1, 0), mask > 0


def _input(provider: SentinelHubProvider, wanted: Acquisition) -> Any:
    # a collection's own service_url would win over the configuration's
    collection = DataCollection.define_from(
        DataCollection.SENTINEL1_IW if wanted.sensor is Sensor.S1 else DataCollection.SENTINEL2_L2A,
        name=f"DARKCALL_{wanted.collection}_{abs(hash(provider.base_url))}".replace("-", "_"),
        api_id=wanted.collection,
        service_url=provider.base_url,
    )
    processing: dict[str, Any] = {"harmonizeValues": False}
    if wanted.sensor is Sensor.S1:
        processing = {
            "orthorectify": True,
            "demInstance": "COPERNICUS_30",
            "backCoeff": "SIGMA0_ELLIPSOID",
        }
    return SentinelHubRequest.input_data(
        collection,
        time_interval=(wanted.sensed_at - WINDOW, wanted.sensed_at + WINDOW),
        other_args={"processing": processing},
    )


def _script(sensor: Sensor, names: Sequence[str]) -> str:
    return _SCRIPT.format(
        names=", ".join(f'"{name}"' for name in names),
        units=', units: "DN"' if sensor is Sensor.S2 else "",
        count=len(names),
        kind="UINT16" if sensor is Sensor.S2 else "FLOAT32",
        samples=", ".join(f"sample.{name}" for name in names),
    )


def _config(provider: SentinelHubProvider, credentials: Credentials) -> SHConfig:
    """Nothing from a file in the home folder, and none written there."""
    return SHConfig(
        use_defaults=True,
        sh_client_id=credentials.client_id,
        sh_client_secret=credentials.client_secret,
        sh_base_url=provider.base_url,
        sh_token_url=provider.token_url,
        max_retries=max(1, provider.retries),
        max_download_attempts=max(1, provider.retries),
        download_sleep_time=provider.wait_s,
        download_timeout_seconds=provider.timeout_s,
    )


def _explained(error: Exception, provider: SentinelHubProvider) -> DarkcallError:
    """Our own kinds of error for what the library and those below it raise."""
    cause = getattr(error, "request_exception", error)
    status = getattr(getattr(cause, "response", None), "status_code", None)
    if isinstance(error, OAuth2Error) or status == requests.codes.unauthorized:
        return Refused(
            "Sentinel Hub refuses the credentials",
            where=provider.token_url,
            do="Check DARKCALL_SH_CLIENT_ID and DARKCALL_SH_CLIENT_SECRET",
        )
    if status == requests.codes.forbidden:
        return QuotaSpent(
            "Sentinel Hub refuses: the month's quota is spent, or the account lacks the collection",
            where=provider.base_url,
            do="Look at the account's dashboard",
        )
    problem = plain(error)
    if isinstance(error, OutOfRequestsException) or status == requests.codes.too_many_requests:
        return TryLater("Sentinel Hub asks to wait", where=provider.base_url, found=problem)
    refused = status is not None and status < requests.codes.server_error
    if isinstance(cause, requests.ConnectionError):
        return Unreachable(
            "Sentinel Hub cannot be reached", where=provider.base_url, found=reason(cause)
        )
    if isinstance(error, DownloadFailedException | requests.RequestException) and not refused:
        return TryLater("Sentinel Hub does not answer", where=provider.base_url, found=problem)
    return BadInput(
        "Answer of Sentinel Hub is not understood", where=provider.base_url, found=problem
    )
