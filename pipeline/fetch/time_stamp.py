"""A time stamp by an authority (RFC 3161): that a hash existed when the authority said so.

The request is some forty bytes of DER. Of the answer so much is read as tells that it is for this
very request; whether the authority's signature holds, `openssl ts -verify` tells.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import requests

from pipeline.clock import parse_utc
from pipeline.errors import BadInput, TryLater, UsageError
from pipeline.fetch.said import reason

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 1_000_000
"""With the authority's certificates it is some 6 kB."""
NONCE_BITS = 64
GRANTED = (0, 1)
"""PKIStatus: granted, granted with changes."""
INTEGER, OCTETS, OID, TIME, SEQUENCE, INNER = 0x02, 0x04, 0x06, 0x18, 0x30, 0xA0
SHA256 = bytes.fromhex("300d06096086480165030402010500")
"""AlgorithmIdentifier of SHA-256."""
TST_INFO = bytes.fromhex("2a864886f70d0109100104")
"""id-ct-TSTInfo, 1.2.840.113549.1.9.16.1.4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What an authority answered."""

    answer: bytes
    """The whole TimeStampResp, as `openssl ts -verify -in` takes it."""
    at: datetime
    """When it says that the hash existed, aware UTC; not yet verified."""


def time_stamp(url: str, digest: bytes) -> Stamp:
    """Ask an authority to stamp a hash.

    Args:
        url: http or https.
        digest: 32 bytes, SHA-256.

    Raises:
        UsageError: not such an address.
        TryLater: the authority does not answer.
        BadInput: it refuses, or its answer is of something else.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("No address of a time-stamping authority", expected="http(s)://host/path")
    host = parts.netloc.rpartition("@")[2]  # without a password it may hold
    where = f"{parts.scheme}://{host}{parts.path}"
    nonce = secrets.randbits(NONCE_BITS)
    answer = _asked(url, where, request(digest, nonce))
    try:
        return Stamp(answer=answer, at=_read(answer, digest, nonce))
    except (ValueError, IndexError, StopIteration, RecursionError) as error:
        raise BadInput(
            "Answer of a time-stamping authority is not one", where=where, found=error
        ) from None


def request(digest: bytes, nonce: int) -> bytes:
    """A TimeStampReq: version 1, the hash, a nonce, certificates please."""
    imprint = _der(SEQUENCE, SHA256 + _der(OCTETS, digest))
    certificates = b"\x01\x01\xff"
    return _der(SEQUENCE, _integer(1) + imprint + _integer(nonce) + certificates)


def _asked(url: str, where: str, query: bytes) -> bytes:
    heads = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        with requests.post(
            url, data=query, headers=heads, timeout=TIMEOUT_S, stream=True, allow_redirects=False
        ) as reply:
            if reply.status_code != requests.codes.ok:
                raise TryLater(
                    "Time-stamping authority does not stamp", where=where,
                    found=f"HTTP {reply.status_code}",
                )  # fmt: skip
            answer = b""
            for chunk in reply.iter_content(64 * 1024):
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    raise BadInput("Answer of a time-stamping authority is too long", where=where)
    except requests.exceptions.RequestException as error:
        raise TryLater(
            "Time-stamping authority cannot be reached", where=where, found=reason(error)
        ) from None
    return answer


def _read(answer: bytes, digest: bytes, nonce: int) -> datetime:
    """The time, if the answer grants this request."""
    ((_, response),) = _parts(answer)
    (_, status), *token = _parts(response)
    code = int.from_bytes(next(_parts(status))[1])
    if code not in GRANTED or not token:
        raise ValueError(f"refused, status {code}")
    info = list(_parts(_stamped(token[0][1])))
    if list(_parts(info[2][1]))[-1] != (OCTETS, digest):
        raise ValueError("it is of another hash")
    if _integer(nonce) not in [_der(*one) for one in info]:
        raise ValueError("it is of another request")
    at = info[4][1].decode("ascii")
    return parse_utc(f"{at[:8]}T{at[8:14]}")


def _stamped(token: bytes) -> bytes:
    """The TSTInfo inside a signed token's ContentInfo."""
    signed = _only(next(c for t, c in _parts(token) if t == INNER))
    for tag, content in _parts(signed):
        if tag != SEQUENCE:
            continue
        (kind, name), *rest = _parts(content)
        if (kind, name) == (OID, TST_INFO):
            return _only(_only(rest[0][1]))
    raise ValueError("it holds no time")


def _only(content: bytes) -> bytes:
    ((_, inner),) = _parts(content)
    return inner


def _parts(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, content) of what lies side by side, lengths checked."""
    at = 0
    while at < len(content):
        tag, length = content[at], content[at + 1]
        at += 2
        if length >= 0x80:
            n_bytes = length - 0x80
            if not 1 <= n_bytes <= 4:
                raise ValueError("a length that no answer has")
            length = int.from_bytes(content[at : at + n_bytes])
            at += n_bytes
        if at + length > len(content):
            raise ValueError("it is cut off")
        yield tag, content[at : at + length]
        at += length


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 + len(length)]) + length + content


def _integer(value: int) -> bytes:
    """Not negative: a leading zero where the first bit would make it so."""
    return _der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))
