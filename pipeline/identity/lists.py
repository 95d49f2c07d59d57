"""Watch lists as they are published: OFAC, the UN's 1718 Committee, OpenSanctions, one's own.

The format is known from the content. Rows that are no ships are not counted; ships without any
number or name are set aside. A list says when it was made if it says so; its SHA-256 always holds
which version it was.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import BadInput
from pipeline.heard import Listed
from pipeline.identity.settings import Settings
from pipeline.imo import check_digit
from pipeline.markup import read_xml
from pipeline.records import Issue

NULL = "-0-"
OFAC_COLUMNS = 12
IMO_TEXT = re.compile(r"\bIMO\W{0,3}(\d{7})\b", re.IGNORECASE)
MMSI_TEXT = re.compile(r"\bMMSI\W{0,3}(\d{9})\b", re.IGNORECASE)
ALIAS_TEXT = re.compile(r"(?:a\.k\.a\.|f\.k\.a\.)\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
DATES = ("%Y-%m-%d", "%m/%d/%Y", "%d %b %Y", "%d %B %Y", "%Y%m%d")
OWN = {
    "entry_id": ("entry_id", "id", "gur_id", "ent_num"),
    "name": ("name", "vessel_name", "ship_name", "sdn_name", "caption"),
    "imo": ("imo", "imo_number"),
    "mmsi": ("mmsi", "mmsi_current"),
    "old_mmsi": ("mmsi_legacy",),
    "callsign": ("callsign", "call_sign"),
    "names": ("former_names", "aliases", "alt_names"),
    "programs": ("program", "programs", "sanctions", "risk", "status"),
    "designated_on": ("designated_on", "date_of_designation", "designation_date", "listed_on"),
}
"""Ours to the headings that CSVs use: the UN's, OpenSanctions', the GUR's, and plain ones."""
SHIPS = ("vessel", "ship")
SHOWN = 60


@dataclass(slots=True, kw_only=True)
class WatchList:
    """One list, of ships alone."""

    name: str
    format: str
    version: str | None
    """The date that the list says it was made on."""
    ships: list[Listed] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    rows_in: int = 0
    """Ships in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A row as the list writes it."""

    entry_id: str = ""
    name: str = ""
    names: tuple[str, ...] = ()
    imo: str = ""
    mmsi: tuple[str, ...] = ()
    callsign: str = ""
    programs: str = ""
    designated_on: str = ""


def read_list(path: Path, *, settings: Settings) -> WatchList:
    """The ships of one list.

    Raises:
        BadInput: too large, unreadable, or of a kind that is not known; says what was found.
    """
    try:
        if path.stat().st_size > settings.max_list_bytes:
            raise BadInput(
                "Watch list is too large", where=path.name,
                expected=f"at most {settings.max_list_bytes} bytes",
                do="Raise identity.max_list_bytes if it is what it claims to be",
            )  # fmt: skip
        content = path.read_bytes()
    except OSError as error:
        raise BadInput("Watch list cannot be read", where=path.name, found=error) from None
    text = content.decode("utf-8-sig", "replace")
    start = text.lstrip()[:1]
    if start == "<":
        return _gathered(path, "OFAC SDN XML", *_of_xml(path))
    if start in ("{", "["):
        return _gathered(path, "FollowTheMoney JSON", None, _of_json(text, path))
    return _of_csv(text, path)


def _gathered(path: Path, form: str, version: str | None, rows: Iterator[_Said]) -> WatchList:
    found = WatchList(name=path.stem, format=form, version=version)
    for number, said in enumerate(rows, 1):
        found.rows_in += 1
        ship = _listed(said, found)
        if ship is None:
            shown = (said.name or said.entry_id)[:SHOWN]
            where = f"{path.name} ship {number}"
            found.issues.append(Issue(where=where, rule="no name and no number", value=shown))
        else:
            found.ships.append(ship)
    return found


def _listed(said: _Said, found: WatchList) -> Listed | None:
    imo = checked_imo(said.imo)
    mmsis = tuple(dict.fromkeys(int(one) for one in said.mmsi if re.fullmatch(r"\d{9}", one)))
    names = tuple(dict.fromkeys(one for one in map(_clean, (said.name, *said.names)) if one))
    if imo is None and not mmsis and not names:
        return None
    return Listed(
        list_name=found.name, list_version=found.version, entry_id=said.entry_id or None,
        name=names[0] if names else None, names=list(names), imo=imo,
        mmsis=[str(one) for one in mmsis], callsign=_clean(said.callsign) or None,
        programs=_clean(said.programs) or None, designated_on=_date(said.designated_on),
    )  # fmt: skip


def checked_imo(text: str) -> int | None:
    """An IMO number whose check digit holds."""
    match = re.fullmatch(r"\s*(?:IMO)?\W*(\d{7})(?:\.0)?\s*", text, re.IGNORECASE)
    if match is None:
        return None
    number = int(match[1])
    return number if check_digit(number // 10) == number % 10 else None


def _clean(text: str) -> str:
    stripped = " ".join(text.split())
    return "" if stripped == NULL else stripped


def _date(text: str) -> datetime | None:
    """Midnight UTC of a day; None where none is said."""
    day = text.strip()[:10] if re.match(r"\d{4}-\d\d-\d\d", text.strip()) else text.strip()
    for pattern in DATES:
        try:
            told = datetime.strptime(day, pattern).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
        return datetime(told.year, told.month, told.day, tzinfo=UTC) if _likely(told) else None
    return None


def _likely(day: date) -> bool:
    return 1950 <= day.year <= 2100


# --------------------------------------------------------------------------- CSV


def _of_csv(text: str, path: Path) -> WatchList:
    rows = csv.reader(io.StringIO(text.replace("\0", "")))
    try:
        first = next(rows, [])
        if len(first) == OFAC_COLUMNS and first[0].strip().isdigit():
            everything = [first, *rows]
            return _gathered(path, "OFAC sdn.csv", None, _of_ofac(everything))
        heads = [name.strip().strip("#").strip().lower() for name in first]
        columns = {
            ours: next((heads.index(name) for name in theirs if name in heads), None)
            for ours, theirs in OWN.items()
        }
        if all(columns[name] is None for name in ("imo", "mmsi", "name")):
            raise BadInput(
                "Not a watch list of a kind that is known",
                where=path.name,
                expected="OFAC's sdn.csv or XML, OpenSanctions' CSV or JSON, or a CSV with a "
                "column imo, mmsi or name",
                found=f"first line {','.join(first)[:SHOWN]!r}",
            )
        kind = next((heads.index(n) for n in ("schema", "type", "sdn_type") if n in heads), None)
        remarks = next((heads.index(n) for n in ("identifiers", "remarks") if n in heads), None)
        form = "OpenSanctions CSV" if "schema" in heads or "caption" in heads else "CSV"
        said = (_row(cells, columns, remarks) for cells in rows if _is_ship(cells, kind))
        return _gathered(path, form, None, said)
    except csv.Error as error:
        raise BadInput("Watch list cannot be read as CSV", where=path.name, found=error) from None


def _is_ship(cells: list[str], kind: int | None) -> bool:
    if not any(cell.strip() for cell in cells):
        return False
    return kind is None or _cell(cells, kind).lower() in SHIPS


def _cell(cells: list[str], place: int | None) -> str:
    return cells[place].strip() if place is not None and place < len(cells) else ""


def _row(cells: list[str], columns: Mapping[str, int | None], remarks: int | None) -> _Said:
    said = {name: _cell(cells, place) for name, place in columns.items()}
    notes = _cell(cells, remarks)
    imo = said["imo"] or next(iter(IMO_TEXT.findall(notes)), "")
    mmsis = re.findall(r"\d{9}", f"{said['mmsi']};{said['old_mmsi']}") + MMSI_TEXT.findall(notes)
    return _Said(
        entry_id=said["entry_id"], name=said["name"],
        names=(*re.split(r"[;/]", said["names"]), *ALIAS_TEXT.findall(notes)),
        imo=imo, mmsi=tuple(mmsis), callsign=said["callsign"], programs=said["programs"],
        designated_on=said["designated_on"],
    )  # fmt: skip


def _of_ofac(rows: list[list[str]]) -> Iterator[_Said]:
    """ent_num, name, type, program, title, call sign, kind, tonnage, GRT, flag, owner, remarks."""
    for cells in rows:
        if len(cells) != OFAC_COLUMNS or cells[2].strip().lower() != "vessel":
            continue
        notes = cells[11]
        yield _Said(
            entry_id=cells[0].strip(), name=cells[1], names=tuple(ALIAS_TEXT.findall(notes)),
            imo=next(iter(IMO_TEXT.findall(notes)), ""), mmsi=tuple(MMSI_TEXT.findall(notes)),
            callsign=cells[5], programs=cells[3],
        )  # fmt: skip


# --------------------------------------------------------------------------- XML, JSON


def _of_xml(path: Path) -> tuple[str | None, Iterator[_Said]]:
    root = read_xml(path)
    if root.tag != "sdnList":
        raise BadInput(
            "Not a watch list of a kind that is known", where=path.name,
            expected="OFAC's sdnList", found=root.tag,
        )  # fmt: skip
    made = _date(root.findtext("publshInformation/Publish_Date", ""))
    entries = (entry for entry in root.iter("sdnEntry"))
    ships = (entry for entry in entries if (entry.findtext("sdnType") or "").lower() == "vessel")
    return made.date().isoformat() if made else None, (_entry(entry) for entry in ships)


def _entry(entry: Any) -> _Said:
    numbers = [
        f"{one.findtext('idType', '')} {one.findtext('idNumber', '')}" for one in entry.iter("id")
    ]
    imo = next((m for m in (re.search(r"\b(\d{7})\b", text) for text in numbers) if m), None)
    return _Said(
        entry_id=entry.findtext("uid") or "", name=entry.findtext("lastName") or "",
        names=tuple(one.findtext("lastName") or "" for one in entry.iter("aka")),
        imo=imo[1] if imo else "", mmsi=tuple(MMSI_TEXT.findall(" ".join(numbers))),
        callsign=entry.findtext("vesselInfo/callSign") or "",
        programs="; ".join(one.text or "" for one in entry.iter("program")),
    )  # fmt: skip


def _of_json(text: str, path: Path) -> Iterator[_Said]:
    """FollowTheMoney entities, a line each: vessels, and sanctions that name one and a date."""
    entities = list(_entities(text, path))
    since: dict[str, str] = {}
    for entity in entities:
        if entity.get("schema") == "Sanction":
            told = _values(entity, "startDate") or _values(entity, "listingDate")
            for ship in _values(entity, "entity"):
                earliest = min([*told, *filter(None, [since.get(ship, "")])], default="")
                since[ship] = earliest
    for entity in entities:
        if entity.get("schema") != "Vessel":
            continue
        ident = str(entity.get("id", ""))
        names = [*_values(entity, "name"), *_values(entity, "alias")]
        names += _values(entity, "previousName")
        yield _Said(
            entry_id=ident, name=names[0] if names else str(entity.get("caption", "")),
            names=tuple(names), imo=next(iter(_values(entity, "imoNumber")), ""),
            mmsi=tuple(_values(entity, "mmsi")),
            callsign=next(iter(_values(entity, "callSign")), ""),
            programs="; ".join(_values(entity, "programId") or _values(entity, "topics")),
            designated_on=since.get(ident, ""),
        )  # fmt: skip


def _entities(text: str, path: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entity = json.loads(line)
        except (ValueError, RecursionError):
            entity = None
        if not isinstance(entity, dict) or "schema" not in entity:
            raise BadInput(
                "Not a watch list of a kind that is known", where=f"{path.name} line {number}",
                expected="a FollowTheMoney entity a line", found=line[:SHOWN],
            )  # fmt: skip
        yield entity


def _values(entity: Mapping[str, Any], name: str) -> list[str]:
    properties = entity.get("properties")
    values = properties.get(name, []) if isinstance(properties, dict) else []
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
