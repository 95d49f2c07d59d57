"""Which addresses of an answer are followed: the provider's own and those named for it."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from pipeline.errors import BadInput


def checked(url: str, *, provider_url: str, hosts: Sequence[str]) -> str:
    """The address, where it may be asked.

    Args:
        url: as an answer names it.
        provider_url: where the answer came from; plain http is followed only where it is http too.
        hosts: names that assets may lie on besides the provider's own, as `*.example.org`.

    Raises:
        BadInput: another scheme (file, s3, GDAL's own), another host, or credentials in it.
    """
    try:
        asked, home = urlsplit(url), urlsplit(provider_url)
        host, port = asked.hostname or "", asked.port
        own = (host, port) == (home.hostname, home.port)
        named = port in (None, 443) and any(fnmatchcase(host, pattern) for pattern in hosts)
        plain = asked.username is None and asked.password is None and "\\" not in url
        safe = asked.scheme == "https" or (asked.scheme == "http" and home.scheme == "http" and own)
    except ValueError:
        own = named = plain = safe = False
    if not (safe and plain and (own or named)):
        raise BadInput(
            "Address that is not followed",
            where=url[:200],
            expected=f"https on {', '.join([urlsplit(provider_url).hostname or '', *hosts])}",
            do="Name its host in the provider's `asset_hosts` if you trust it",
        )
    return url
