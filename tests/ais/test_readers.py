"""Provider files: every row is a fix or an issue, whatever is in it."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.ais import unpack
from pipeline.ais.readers import AisPart
from pipeline.ais.settings import Columns
from pipeline.errors import BadInput
from tests.ais.conftest import (
    DMA_HEADER,
    DMA_ROW,
    FORMATS,
    NEW_HEADER,
    NEW_ROW,
    OLD_HEADER,
    OLD_ROW,
    SETTINGS,
    read_whole,
)

FUZZ = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(folder, content, name="day.csv", **changes) -> AisPart:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_whole(path, settings=SETTINGS.model_copy(update=changes))


def zipped(members: dict[str, bytes], **options) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content, **options)
    return sink.getvalue()


def lines_of(content: bytes) -> int:
    """Rows a person would count: lines that are not blank, less the header."""
    return sum(bool(line) for line in re.split(rb"\r\n|\r|\n", content)) - 1


def added_up(found: AisPart) -> bool:
    return found.rows_in == found.fixes.num_rows + len(found.issues)


def read_or_refused(folder, content: bytes) -> bool:
    """Every row accounted for, or a refusal that names the file; any other error passes through."""
    try:
        return added_up(read(folder, content))
    except BadInput as refused:
        return "day.csv" in str(refused)


# --------------------------------------------------------------------------- a user's own format

OWN = Columns(
    name="A provider's",
    columns={
        "mmsi": "Ship", "sent_at": "T", "lon": "X", "lat": "Y", "sog": "Speed", "cog": "Course",
        "to_bow": "Bow", "to_stern": "Stern", "name": "Name",
    },
    time_format="epoch_ms",
    speed_kn=0.1,
)  # fmt: skip
OWN_CSV = (
    "ship,t,x,y,speed,course,bow,stern,name,other\n"
    "273312000,1709777340500,133.02,42.75,94,271.5,70,20,DARK STAR,?\n"
)


def test_a_users_own_columns_are_read_in_their_own_units(tmp_path):
    found = read(tmp_path, OWN_CSV, formats=(OWN,))
    (fix,) = found.fixes.to_pylist()
    assert found.format == "A provider's"
    assert fix["sent_at"] == datetime(2024, 3, 7, 2, 9, 0, 500_000, tzinfo=UTC)
    assert fix["sog_mps"] == pytest.approx(9.4 * 1852 / 3600)
    (static,) = found.statics.to_pylist()
    assert (static["length_m"], static["width_m"], static["name"]) == (90.0, None, "DARK STAR")


@pytest.mark.parametrize(
    ("written", "microsecond"),
    [
        ("2016-01-12 13:02:11.218", 218_000), ("2016-01-12 13:02:11", 0),
        ("2016-01-12 13:02:11.9", 900_000), ("2016-01-12 13:02:11.123456789", 123_456),
        ("2016-01-12 13:02:61.5", None), ("13:02", None),
    ],
)  # fmt: skip
def test_fractions_of_a_second_are_kept(tmp_path, written, microsecond):
    own = OWN.model_copy(update={"time_format": "%Y-%m-%d %H:%M:%S.%f"})
    found = read(tmp_path, OWN_CSV.replace("1709777340500", written), formats=(own,))
    at = datetime(2016, 1, 12, 13, 2, 11, tzinfo=UTC)
    expected = [] if microsecond is None else [at.replace(microsecond=microsecond)]
    assert found.fixes["sent_at"].to_pylist() == expected


def test_a_format_without_what_a_fix_needs_is_refused():
    with pytest.raises(ValidationError, match="no column named for sent_at, lat"):
        Columns(name="x", columns={"mmsi": "a", "lon": "b"})


@pytest.mark.parametrize("times", ["text", "timestamp", "zoned"])
def test_parquet_is_read_as_the_csv_of_the_same_columns(tmp_path, times):
    cells = dict(zip(NEW_HEADER.split(","), next(csv.reader([NEW_ROW])), strict=True))
    columns = {name: pa.array([text, text]) for name, text in cells.items()}
    columns["mmsi"] = pa.array([float(cells["mmsi"])] * 2)
    columns["longitude"] = pa.array([float(cells["longitude"])] * 2)
    if times != "text":
        zone = "UTC" if times == "zoned" else None
        at = datetime.fromisoformat(cells["base_date_time"]).replace(tzinfo=UTC)
        values = pa.array([at, at], pa.timestamp("us", tz="UTC")).cast(pa.timestamp("ns", tz=zone))
        columns["base_date_time"] = values
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")

    one, two = (
        read(tmp_path, f"{NEW_HEADER}\n{NEW_ROW}\n{NEW_ROW}\n"),
        read(tmp_path, sink.getvalue()),
    )

    assert two.fixes.equals(one.fixes)
    assert two.statics.equals(one.statics)
    assert (two.rows_in, two.rows_out) == (2, 2)


def test_a_geoparquet_without_columns_of_the_place_is_read_by_its_geometry(tmp_path):
    cells = dict(zip(NEW_HEADER.split(","), next(csv.reader([NEW_ROW])), strict=True))
    lon, lat = float(cells.pop("longitude")), float(cells.pop("latitude"))
    columns = {name: pa.array([text, text]) for name, text in cells.items()}
    columns["geometry"] = pa.array([shapely.to_wkb(shapely.Point(lon, lat)), b"broken"])
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    found = read(tmp_path, sink.getvalue())
    (fix,) = found.fixes.to_pylist()
    assert (fix["lon"], fix["lat"], fix["ais_class"]) == (lon, lat, "A")
    assert [issue.rule for issue in found.issues] == ["no lon that can be read"]


def test_a_damaged_or_foreign_parquet_is_one_message(tmp_path):
    sink = io.BytesIO()
    pq.write_table(pa.table({"price": [1.0]}), sink)
    with pytest.raises(BadInput, match="Not an AIS file of a kind that is known"):
        read(tmp_path, sink.getvalue())
    with pytest.raises(BadInput, match="damaged or truncated"):
        read(tmp_path, sink.getvalue()[:-9])
    with pytest.raises(BadInput, match="unpacks to more than it should"):
        read(tmp_path, sink.getvalue(), max_file_bytes=len(sink.getvalue()) - 1)


def test_zstandard_is_unpacked(tmp_path):
    packed = pa.compress(f"{NEW_HEADER}\n{NEW_ROW}\n".encode(), "zstd", asbytes=True)
    assert read(tmp_path, packed, name="day.csv.zst").fixes.num_rows == 1
    with pytest.raises(BadInput, match="damaged or truncated"):
        read(tmp_path, packed[: len(packed) // 2])


# --------------------------------------------------------------------------- the formats


@pytest.mark.parametrize(("header", "row"), FORMATS)
def test_each_format_gives_the_same_ship_in_si_units(tmp_path, header, row):
    found = read(tmp_path, f"{header}\n{row}\n")
    (fix,) = found.fixes.to_pylist()
    assert fix["mmsi"] == 273312000
    assert fix["sent_at"] == datetime(2024, 3, 7, 2, 9, tzinfo=UTC)
    assert (fix["lon"], fix["lat"]) == (133.02, 42.75)
    assert fix["sog_mps"] == pytest.approx(9.4 * 1852 / 3600)
    assert (fix["cog_deg"], fix["heading_deg"], fix["nav_status"]) == (271.5, 270.0, 0)
    assert fix["mark"] is None
    assert fix["source"] == "day.csv"
    (static,) = found.statics.to_pylist()
    assert (static["imo"], static["name"], static["callsign"]) == (9307839, "LADA", "UBCD")
    assert (static["ship_type"], static["length_m"], static["width_m"]) == (80, 98.0, 14.0)
    assert static["draught_m"] == 5.2
    assert found.issues == []


def test_the_format_is_known_from_the_content_not_from_the_name(tmp_path):
    names = [read(tmp_path, f"{header}\n{row}\n", name="x.bin").format for header, row in FORMATS]
    assert names == [
        "Danish Maritime Authority CSV",
        "MarineCadastre CSV, before 2025",
        "MarineCadastre CSV, from 2025",
    ]


def test_columns_may_stand_in_another_order_and_be_missing(tmp_path):
    text = "latitude,longitude,base_date_time,mmsi\n-33.3,-74.7,2025-01-02 03:04:05,725000001\n"
    (fix,) = read(tmp_path, text).fixes.to_pylist()
    assert (fix["lon"], fix["lat"], fix["sog_mps"]) == (-74.7, -33.3, None)


@pytest.mark.parametrize(
    "packed",
    [
        lambda text: text,
        gzip.compress,
        lambda text: zipped({"aisdk-2024-03-07.csv": text}),
        lambda text: zipped({"folder/": b"", "folder/day.csv": text}),
    ],
    ids=["plain", "gzip", "zip", "zip with a folder"],
)
def test_packed_and_plain_files_read_alike(tmp_path, packed):
    text = f"{DMA_HEADER}\n{DMA_ROW}\n".encode()
    found = read(tmp_path, packed(text), name="named-wrongly.txt")
    assert found.rows_in == 1
    assert found.fixes["mmsi"].to_pylist() == [273312000]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("\n", "\n\n") + "\n\n",
        lambda text: text.replace("LADA", '"LADA"').replace("CHONGJIN", '"CHONGJIN, KP"'),
    ],
    ids=["BOM", "CRLF", "CR", "no last newline", "blank lines", "quoted"],
)
@pytest.mark.parametrize(("header", "row"), FORMATS)
def test_ways_of_writing_text_files_change_nothing(tmp_path, header, row, spoil):
    found = read(tmp_path, spoil(f"{header}\n{row}\n{row.replace('02:09', '02:10')}\n"))
    assert found.rows_in == 2
    assert found.issues == []
    assert found.fixes["mark"].to_pylist() == [None, None]
    assert found.statics["name"].to_pylist() == ["LADA"]


@pytest.mark.parametrize(("header", "row"), FORMATS)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_file_of_a_header_alone_is_a_quiet_day(tmp_path, header, row, end):
    found = read(tmp_path, header + end)
    assert (found.rows_in, found.fixes.num_rows, found.statics.num_rows) == (0, 0, 0)


def test_names_in_latin_1_are_read_beside_names_in_utf_8(tmp_path):
    rows = [
        DMA_ROW.replace("LADA", "ÆRØ").encode("latin-1"),
        DMA_ROW.replace("LADA", "Ærø").replace("273312000", "219000001").encode(),
    ]
    found = read(tmp_path, b"\n".join([DMA_HEADER.encode(), *rows]))
    assert added_up(found)
    assert sorted(found.statics["name"].to_pylist()) == ["ÆRØ", "Ærø"]


# --------------------------------------------------------------------------- not available


@pytest.mark.parametrize(
    ("column", "text", "name", "expected"),
    [
        ("heading", "511", "heading_deg", None),
        ("heading", "359", "heading_deg", 359.0),
        ("heading", "360", "heading_deg", None),
        ("cog", "360.0", "cog_deg", None),
        ("cog", "359.9", "cog_deg", 359.9),
        ("cog", "-1", "cog_deg", None),
        ("sog", "102.3", "sog_mps", None),
        ("sog", "102.2", "sog_mps", 102.2 * 1852 / 3600),
        ("sog", "", "sog_mps", None),
        ("sog", "nan", "sog_mps", None),
        ("status", "15", "nav_status", 15),
        ("status", "16", "nav_status", None),
        ("status", "5.0", "nav_status", 5),
    ],
)
def test_codes_for_not_available_become_null_and_the_fix_stays_clean(
    tmp_path, column, text, name, expected
):
    cells = dict(zip(NEW_HEADER.split(","), NEW_ROW.split(","), strict=True)) | {column: text}
    (fix,) = read(tmp_path, f"{NEW_HEADER}\n{','.join(cells.values())}\n").fixes.to_pylist()
    assert fix[name] == (expected if expected is None else pytest.approx(expected))
    assert fix["mark"] is None


@pytest.mark.parametrize(
    ("old", "new", "mark"),
    [
        ("133.02000,42.75000", "181,91", "position not available"),
        ("133.02000,42.75000", "133.0,91.0", "position not available"),
        ("133.02000,42.75000", "180.5,42.7", "position out of range"),
        ("133.02000,42.75000", "133.0,-90.5", "position out of range"),
        ("133.02000,42.75000", "1e99,42.7", "position out of range"),
        ("133.02000,42.75000", "180,-90", None),
        ("133.02000,42.75000", "+133.0,42.7", None),
        ("273312000", "002191000", "not a ship's MMSI"),
        ("273312000", "111219501", "not a ship's MMSI"),
        ("273312000", "992191000", "not a ship's MMSI"),
        ("273312000", "273312000.0", None),
    ],
)
def test_doubtful_rows_stay_as_fixes_with_a_mark(tmp_path, old, new, mark):
    found = read(tmp_path, f"{NEW_HEADER}\n{NEW_ROW.replace(old, new)}\n")
    assert found.fixes["mark"].to_pylist() == [mark]
    assert found.issues == []


def test_a_row_said_twice_is_marked_the_second_time_only(tmp_path):
    later = DMA_ROW.replace("02:09:00", "02:09:01")
    found = read(tmp_path, "\n".join([DMA_HEADER, DMA_ROW, later, DMA_ROW, DMA_ROW]))
    assert found.fixes["mark"].to_pylist() == [None, None, "duplicate", "duplicate"]
    assert found.rows_in == 4


@pytest.mark.parametrize(
    ("text", "imo"),
    [
        ("IMO9307839", 9307839),
        ("imo 9307839", 9307839),
        ("9307839", 9307839),
        ("9307838", None),
        ("IMO0000000", None),
        ("IMO999975000", None),
        ("Unknown", None),
    ],
)
def test_an_imo_number_counts_only_if_its_check_digit_holds(tmp_path, text, imo):
    # 9*7 + 3*6 + 0*5 + 7*4 + 8*3 + 3*2 = 139, so the seventh digit is 9.
    found = read(tmp_path, f"{OLD_HEADER}\n{OLD_ROW.replace('IMO9307839', text)}\n")
    assert found.statics["imo"].to_pylist() == [imo]


def test_words_for_unknown_and_padding_are_no_names(tmp_path):
    row = DMA_ROW.replace("LADA", "LADA@@@@  ").replace("UBCD", "Unknown")
    row = row.replace("CHONGJIN", "").replace(",98,", ",0,").replace(",5.2,", ",99.9,")
    (static,) = read(tmp_path, f"{DMA_HEADER}\n{row}\n").statics.to_pylist()
    assert static["name"] == "LADA"
    assert (static["callsign"], static["destination"]) == (None, None)
    assert (static["length_m"], static["draught_m"]) == (None, None)


def test_statics_tell_from_when_to_when_a_ship_said_so(tmp_path):
    later = DMA_ROW.replace("02:09", "02:30")
    last = DMA_ROW.replace("02:09", "03:00").replace("CHONGJIN", "NAMPO")
    found = read(tmp_path, "\n".join([DMA_HEADER, later, last, DMA_ROW]))
    said = [
        (row["destination"], row["first_at"].minute, row["last_at"].minute, row["n_reports"])
        for row in found.statics.to_pylist()
    ]
    assert said == [("CHONGJIN", 9, 30, 2), ("NAMPO", 0, 0, 1)]


# --------------------------------------------------------------------------- rows set aside


@pytest.mark.parametrize(
    ("old", "new", "rule", "value"),
    [
        ("273312000", "garbled", "no mmsi that can be read", "garbled"),
        ("273312000", "", "no mmsi that can be read", ""),
        ("273312000", "27331200.5", "no mmsi that can be read", "27331200.5"),
        ("2024-03-07 02:09:00", "later", "no sent_at that can be read", "later"),
        ("2024-03-07", "2024-02-30", "no sent_at that can be read", "2024-02-30 02:09:00"),
        ("2024-03-07", "2023-02-29", "no sent_at that can be read", "2023-02-29 02:09:00"),
        ("2024-03-07", "0000-01-01", "no sent_at that can be read", "0000-01-01 02:09:00"),
        ("2024-03-07", "24-03-07", "no sent_at that can be read", "24-03-07 02:09:00"),
        ("02:09:00", "02:09:60", "no sent_at that can be read", "2024-03-07 02:09:60"),
        ("02:09:00", "02:09:00+09:00", "no sent_at that can be read", "2024-03-07 02:09:00+09:00"),
        ("02:09:00", "02:09:00 KST", "no sent_at that can be read", "2024-03-07 02:09:00 KST"),
        ("133.02000", "E133", "no lon that can be read", "E133"),
        ("42.75000", "inf", "no lat that can be read", "inf"),
        ("42.75000", "4,2.75", "wrong number of columns", None),
        (",A", "", "wrong number of columns", None),
    ],
)  # fmt: skip
def test_a_row_set_aside_says_where_why_and_what(tmp_path, old, new, rule, value):
    bad = NEW_ROW.replace(old, new, 1)
    found = read(tmp_path, f"{NEW_HEADER}\n{NEW_ROW}\n{bad}\n{NEW_ROW}\n")
    (issue,) = found.issues
    assert (issue.where, issue.rule) == ("day.csv row 2", rule)
    assert issue.value == (bad[:100] if value is None else value)
    assert (found.rows_in, found.fixes.num_rows) == (3, 2)


def test_row_numbers_hold_after_other_bad_rows_and_far_into_the_file(tmp_path):
    short, nameless = "1,2,3", NEW_ROW.replace("273312000", "nobody")
    rows = [NEW_ROW] * 20_000
    bad = {3: short, 5: nameless, 6: short, 7: short, 19_000: nameless, 19_001: short}
    for number, row in bad.items():
        rows[number - 1] = row
    found = read(tmp_path, "\n".join([NEW_HEADER, *rows]))
    assert added_up(found)
    assert {issue.where: issue.rule for issue in found.issues} == {
        f"day.csv row {number}": "no mmsi that can be read"
        if row is nameless
        else "wrong number of columns"
        for number, row in bad.items()
    }


@pytest.mark.parametrize("name", ['"LADA', 'LA"DA', '"LADA" I', '"', '""LADA"', '"LA""DA'])
def test_an_unclosed_quote_swallows_no_row_after_it(tmp_path, name):
    rows = [DMA_ROW.replace("LADA", name), DMA_ROW.replace("273312000", "273312001")] * 2
    found = read(tmp_path, "\n".join([DMA_HEADER, *rows]))
    assert (found.rows_in, found.fixes.num_rows) == (4, 4)
    assert set(found.fixes["mmsi"].to_pylist()) == {273312000, 273312001}


# --------------------------------------------------------------------------- files refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "AIS file is empty: day.csv"),
        (b" \r\n\n", "AIS file is empty: day.csv"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "found first line '?PNG'"),
        (b"date,price\n2024,3\n", "found first line 'date,price'"),
        (b"$GPGGA,020930,4245,N,13302,E,1\n", "found first line '$GPGGA"),
        (b'{"MMSI": 1}\n', "found first line"),
        (NEW_HEADER.replace(",", ";").encode(), "MarineCadastre CSV, from 2025"),
        (f"{NEW_HEADER},mmsi\n".encode(), "names a column twice: day.csv (found mmsi)"),
        (gzip.compress(DMA_HEADER.encode())[:-9], "damaged or truncated"),
        (zipped({"a.csv": DMA_HEADER.encode() * 20})[:-30], "damaged or truncated"),
        (zipped({"a.csv": b"x", "b.csv": b"y"}), "(expected 1, found 2)"),
        (gzip.compress(b"", mtime=0), "AIS file is empty: day.csv"),
    ],
)
def test_another_kind_of_file_is_refused_with_one_message_that_says_what_was_found(
    tmp_path, content, said
):
    with pytest.raises(BadInput) as refused:
        read(tmp_path, content)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "packed", [gzip.compress, lambda text: zipped({"a.csv": text})], ids=["gzip", "zip"]
)
def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path, packed):
    bomb = packed(f"{DMA_HEADER}\n".encode() + b"0" * 30_000_000)
    assert len(bomb) < 40_000
    with pytest.raises(BadInput, match="unpacks to more than it should"):
        read(tmp_path, bomb)


def test_the_limits_may_be_raised_and_lowered(tmp_path):
    text = f"{DMA_HEADER}\n".encode() + f"{DMA_ROW}\n".encode() * 20_000
    packed = gzip.compress(text)
    assert read(tmp_path, packed, max_ratio=500.0).rows_in == 20_000
    with pytest.raises(BadInput, match="at most 1000000 bytes"):
        read(tmp_path, packed, max_ratio=500.0, max_file_bytes=1_000_000)


def test_a_path_inside_an_archive_leads_nowhere(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    found = read(inner, zipped({"../../evil.csv": f"{NEW_HEADER}\n{NEW_ROW}\n".encode()}))
    assert found.rows_in == 1
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["day.csv"]


def test_an_encrypted_archive_is_refused(tmp_path):
    plain = bytearray(zipped({"a.csv": f"{NEW_HEADER}\n{NEW_ROW}\n".encode()}))
    plain[6] |= 1  # flag bit 0 of the local header: encrypted
    directory = plain.index(b"PK\x01\x02")
    plain[directory + 8] |= 1
    with pytest.raises(BadInput, match="damaged or truncated"):
        read(tmp_path, bytes(plain))


# --------------------------------------------------------------------------- fuzz


@FUZZ
@given(content=st.binary(max_size=400))
def test_random_bytes_are_refused_or_read_and_never_crash(tmp_path, content):
    assert read_or_refused(tmp_path, content)


@FUZZ
@given(body=st.binary(max_size=300), form=st.sampled_from(FORMATS))
def test_random_bytes_after_a_header_lose_no_row(tmp_path, body, form):
    content = f"{form[0]}\n".encode() + body
    found = read(tmp_path, content)
    assert added_up(found)
    assert found.rows_in == lines_of(content)


EDIT = st.tuples(
    st.integers(0, 10_000),
    st.integers(0, 6),
    st.one_of(
        st.binary(max_size=3), st.sampled_from([b'"', b",", b"\n", b"\r", b'","', b'""', b"\x00"])
    ),
)


@FUZZ
@given(edits=st.lists(EDIT, min_size=1, max_size=8), form=st.sampled_from(FORMATS))
def test_mutated_rows_lose_no_row_and_leave_the_others_alone(tmp_path, edits, form):
    header, row = form
    body = bytearray("\n".join([row] * 5).encode())
    for at, cut, put in edits:
        start = at % len(body) if body else 0
        body[start : start + cut] = put
    good = row.replace("273312000", "273312999")
    content = f"{header}\n{good}\n".encode() + bytes(body) + f"\n{good}\n".encode()
    found = read(tmp_path, content)
    assert added_up(found)
    assert found.rows_in == lines_of(content)
    assert found.fixes["mmsi"].to_pylist().count(273312999) == 2


@FUZZ
@given(
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4),
    pack=st.sampled_from([gzip.compress, lambda text: zipped({"a.csv": text})]),
)
def test_damaged_archives_are_refused_or_read_and_never_crash(tmp_path, edits, pack):
    packed = bytearray(pack(f"{DMA_HEADER}\n{DMA_ROW}\n".encode()))
    for at, value in edits:
        packed[at % len(packed)] = value
    assert read_or_refused(tmp_path, bytes(packed))


# --------------------------------------------------------------------------- real files


@pytest.mark.real_data
def test_a_real_marinecadastre_file_is_read_completely(reference_data):
    path = reference_data / "ais/decoded_and_raw/test_data_noaa_20230101.csv"
    found = read_whole(path, settings=SETTINGS)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert (found.rows_in, found.fixes.num_rows, found.issues) == (len(rows), len(rows), [])
    assert found.rows_in == 1000
    fixes = found.fixes.to_pylist()
    assert [fix["mmsi"] for fix in fixes] == [int(row["MMSI"]) for row in rows]
    assert [(fix["lon"], fix["lat"]) for fix in fixes] == [
        (float(row["LON"]), float(row["LAT"])) for row in rows
    ]
    status = Counter(row["Status"].removesuffix(".0") for row in rows)
    assert Counter(str(fix["nav_status"] or 0) for fix in fixes if fix["nav_status"] is not None) \
        == Counter({code: n for code, n in status.items() if code})  # fmt: skip
    unheaded = sum(float(row["Heading"] or 511) >= 360 for row in rows)
    assert found.fixes["heading_deg"].null_count == unheaded > 100
    assert found.fixes["cog_deg"].null_count == sum(float(row["COG"]) >= 360 for row in rows) > 0
    tankers = {row["MMSI"] for row in rows if row["VesselType"].startswith("8")}
    told = found.statics.filter(pc.greater_equal(found.statics["ship_type"], 80))
    told = told.filter(pc.less(told["ship_type"], 90))
    assert {str(mmsi) for mmsi in told["mmsi"].to_pylist()} == tankers


@pytest.mark.real_data
def test_a_real_satellite_feed_of_139_columns_is_read_by_its_description(reference_data):
    path = reference_data / "ais/decoded_and_raw/test_data_20210701.csv"
    satellite = Columns(
        name="decoded satellite CSV",
        columns={
            "mmsi": "MMSI", "sent_at": "Time", "lon": "Longitude", "lat": "Latitude", "sog": "SOG",
            "cog": "COG", "heading": "Heading", "status": "Navigational_status", "imo": "IMO",
            "name": "Vessel_Name", "callsign": "Call_sign", "type": "Ship_Type",
            "to_bow": "Dimension_to_Bow", "to_stern": "Dimension_to_stern",
        },
        time_format="%Y%m%d_%H%M%S",
    )  # fmt: skip
    found = read_whole(path, settings=SETTINGS.model_copy(update={"formats": (satellite,)}))
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    placed = [row for row in rows if re.fullmatch(r"-?[\d.]+", row["Longitude"])]
    assert found.rows_in == len(rows) == found.rows_out + len(found.issues)
    assert found.fixes.num_rows == len(placed)
    assert found.fixes["lon"].to_pylist() == pytest.approx(
        [float(row["Longitude"]) for row in placed]
    )
    assert {issue.rule for issue in found.issues} == {"no lon that can be read"}


# --------------------------------------------------------------------------- parts


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 400), st.lists(st.integers(0, 5), max_size=40), st.booleans())
def test_a_file_read_in_small_parts_is_the_file_read_whole(tmp_path, size, kinds, ended):
    rows = [DMA_ROW, '"broken', "a,b", "", DMA_ROW.replace("273312000", "x"), '"' + DMA_ROW]
    said = [
        rows[kind].replace("02:09:00", f"02:{k // 60:02d}:{k % 60:02d}")
        for k, kind in enumerate(kinds)
    ]
    content = "\n".join([DMA_HEADER, DMA_ROW, *said]) + "\n" * ended
    whole = read(tmp_path, content)
    before = unpack.BLOCK_BYTES
    unpack.BLOCK_BYTES = size
    try:
        parts = read(tmp_path, content)
    finally:
        unpack.BLOCK_BYTES = before
    assert parts.fixes.equals(whole.fixes)
    assert parts.statics.equals(whole.statics)
    assert sorted(map(str, parts.issues)) == sorted(map(str, whole.issues))
