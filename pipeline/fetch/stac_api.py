"""A STAC API asked for what was imaged over a site: the answer page by page, nothing believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pystac
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import Request, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import HTTPError, RequestException
from shapely import Geometry
from shapely.geometry import mapping
from urllib3 import Retry

from pipeline.clock import parse_utc
from pipeline.errors import BadInput, TryLater, Unreachable
from pipeline.fetch.addresses import checked
from pipeline.fetch.reached import Reached, asked
from pipeline.fetch.said import plain, reason
from pipeline.fetch.settings import StacProvider

RETRIED = (429, 500, 502, 503, 504)
PAGE = 100
MAX_ITEMS = 20_000
"""Of one search: a year of three satellites over one site is some 800."""


def search(
    provider: StacProvider, aoi: Geometry, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Items over a lon/lat polygon with a time in [start, end), as the API gives them.

    Raises:
        TryLater: the API cannot be reached or fails again and again.
        BadInput: what it says is no STAC, leads elsewhere, or never ends.
    """
    try:
        client = Client.open(provider.url, stac_io=_careful(provider))
        answer = client.search(
            collections=list(provider.collections),
            intersects=mapping(aoi),
            datetime=(start, end),
            limit=PAGE,
        )
        found = list(_items(answer.pages_as_dicts(), provider))
    except APIError as error:
        raise _failed(error, provider) from None
    except (pystac.STACError, KeyError, TypeError, ValueError, AttributeError) as error:
        problem = plain(error)
        raise BadInput(
            "Answer of a STAC API is not understood", where=provider.url, found=problem
        ) from None
    return [item for item in found if _starts_before(item, end)]


def reach(provider: StacProvider, timeout_s: float) -> Reached:
    """Ask for the landing page, once.

    Raises:
        Unreachable: no answer in time.
    """
    with _session(provider.model_copy(update={"retries": 0})) as session:
        return asked(session, provider.url, timeout_s)


def signed(provider: StacProvider, href: str) -> str:
    """The address to fetch an asset from: signed where the provider wants it.

    The signature opens the archive for a while: it is never written down.

    Raises:
        TryLater: the signing service does not answer.
        BadInput: it refuses, or gives an address that is not followed.
    """
    url = checked(href, provider_url=provider.url, hosts=provider.asset_hosts)
    if provider.signing_url is None:
        return url
    try:
        with _session(provider) as session:
            answer = session.get(
                provider.signing_url, params={"href": url}, timeout=provider.timeout_s
            )
            answer.raise_for_status()
            return checked(
                str(answer.json()["href"]), provider_url=provider.url, hosts=provider.asset_hosts
            )
    except (HTTPError, KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__} {getattr(error, 'response', None)}"
        raise BadInput(
            "Signing service refuses", where=provider.signing_url, found=problem
        ) from None
    except RequestException as error:
        raise TryLater(
            "Signing service does not answer",
            where=provider.signing_url,
            found=type(error).__name__,
        ) from None


def _items(pages: Iterator[dict[str, Any]], provider: StacProvider) -> Iterator[dict[str, Any]]:
    count = 0
    for page in pages:
        for item in page["features"]:
            count += 1
            if count > MAX_ITEMS:
                raise BadInput(
                    "STAC API gives more scenes than there can be",
                    where=provider.url,
                    expected=f"at most {MAX_ITEMS} a site",
                    do="Shorten the period, or check the provider's collections",
                )
            if not isinstance(item, dict):
                raise TypeError(f"a feature is {type(item).__name__}")
            yield item


def _starts_before(item: dict[str, Any], end: datetime) -> bool:
    """A search's end counts as within; a period's does not."""
    text = str((item.get("properties") or {}).get("datetime", ""))
    try:
        return parse_utc(text) < end
    except BadInput:
        return True  # said when the item is read


def _failed(error: APIError, provider: StacProvider) -> TryLater | BadInput:
    status = getattr(error, "status_code", None)
    problem = plain(error)
    if isinstance(status, int) and 300 <= status < 500 and status not in RETRIED:
        return BadInput("STAC API refuses the search", where=provider.url, found=problem)
    if status is None:
        return Unreachable("STAC API cannot be reached", where=provider.url, found=reason(error))
    return TryLater("STAC API fails", where=provider.url, found=problem)


class _Session(Session):
    """Follows no redirect: it might lead to the user's own network."""

    def get_redirect_target(self, resp: Response) -> str | None:  # noqa: ARG002
        return None


class _Io(StacApiIO):
    """pystac-client reads files too, where a link names one; an answer's links never do here."""

    provider: StacProvider

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        href = source.href if isinstance(source, pystac.Link) else str(source)
        checked(href, provider_url=self.provider.url, hosts=())
        return super().read_text(source, *args, **kwargs)


def _careful(provider: StacProvider) -> StacApiIO:
    def modified(request: Request) -> Request | None:
        checked(str(request.url), provider_url=provider.url, hosts=())
        return None

    io = _Io(timeout=provider.timeout_s, request_modifier=modified)
    io.provider = provider
    io.session = _session(provider)
    return io


def _session(provider: StacProvider) -> Session:
    """Waits out what may pass, and follows no redirect."""
    retry = Retry(
        total=provider.retries, backoff_factor=0.5, status_forcelist=RETRIED, allowed_methods=None,
        raise_on_status=False,
    )  # fmt: skip
    session = _Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session
