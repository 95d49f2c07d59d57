"""Ships on watch lists: by IMO number first, then MMSI, then name; and were they listed then?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from pipeline.heard import Hit, HitBy, Identity, Listed, ListedThen
from pipeline.identity.settings import Settings


def find_hits(
    identities: Sequence[Identity], listed: Iterable[Listed], settings: Settings
) -> list[Hit]:
    """One row an identity and list entry that it meets, by the strongest of what they share.

    An IMO number is the hull's for life; an MMSI goes with the flag; names are shared and changed.
    A name counts only where nothing contradicts it: an identity with another IMO number than the
    entry's is another ship of that name.
    """
    by_imo: dict[int, list[Listed]] = {}
    by_mmsi: dict[int, list[Listed]] = {}
    by_name: dict[str, list[Listed]] = {}
    for entry in listed:
        if entry.imo is not None:
            by_imo.setdefault(entry.imo, []).append(entry)
        for mmsi in entry.mmsis:
            by_mmsi.setdefault(int(mmsi), []).append(entry)
        for name in {plain(name) for name in entry.names}:
            if len(name) >= settings.name_letters_min:
                by_name.setdefault(name, []).append(entry)
    hits: list[Hit] = []
    for said in identities:
        found: dict[int, Hit] = {}
        for how, entries in (
            (HitBy.IMO, by_imo.get(said.imo or 0, [])),
            (HitBy.MMSI, by_mmsi.get(said.mmsi, [])),
            (HitBy.NAME, by_name.get(plain(said.name or ""), [])),
        ):
            for entry in entries:
                if id(entry) not in found and not _contradicted(said, entry, how):
                    found[id(entry)] = _hit(said, entry, how)
        hits += found.values()
    return sorted(
        hits, key=lambda hit: (hit.mmsi, hit.said_from, hit.list_name, hit.entry_id or "")
    )


def plain(name: str) -> str:
    """Letters and digits alone, in capitals: `M/V Rye-Song Gang` and `RYE SONG GANG` are one."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    bare = re.sub(r"^\s*(M/?V|M/?T|MV\.|MT\.)\s+", "", folded.upper())
    return re.sub(r"[^A-Z0-9]", "", bare)


def _contradicted(said: Identity, entry: Listed, how: HitBy) -> bool:
    if how == HitBy.IMO:
        return False
    return said.imo is not None and entry.imo is not None and said.imo != entry.imo


def _hit(said: Identity, entry: Listed, how: HitBy) -> Hit:
    return Hit(
        mmsi=said.mmsi, imo=said.imo, name=said.name, said_from=said.first_at,
        said_until=said.last_at, matched_by=str(how), list_name=entry.list_name,
        list_version=entry.list_version, entry_id=entry.entry_id, listed_name=entry.name,
        listed_imo=entry.imo, programs=entry.programs, designated_on=entry.designated_on,
        listed_then=str(_then(said, entry)),
    )  # fmt: skip


def _then(said: Identity, entry: Listed) -> ListedThen:
    """Was she on the list while she said so?"""
    if entry.designated_on is None:
        return ListedThen.UNKNOWN
    if entry.designated_on <= said.first_at:
        return ListedThen.ALL_THE_TIME
    return ListedThen.FROM_THEN_ON if entry.designated_on <= said.last_at else ListedThen.NOT_YET
