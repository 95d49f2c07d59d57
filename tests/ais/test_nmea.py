"""Raw AIS against an independent decoder, value by value and line by line."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime

import pyais
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.ais.nmea import IDENTITIES, POSITIONS
from pipeline.ais.sentences import Message, messages
from tests.ais.conftest import SETTINGS, read_whole

AT = datetime(2024, 3, 7, 2, 9, 30, tzinfo=UTC)
FUZZ = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SHIPS = st.integers(201_000_000, 775_999_999)
PLACES = {"lon": st.floats(-180.0, 180.0), "lat": st.floats(-90.0, 90.0)}


def stamped(*sentences: str) -> bytes:
    return b"".join(f"\\s:a,c:{int(AT.timestamp())}*00\\{one}\r\n".encode() for one in sentences)


def read(folder, content: bytes):
    path = folder / "day.nmea"
    path.write_bytes(content)
    found = read_whole(path, settings=SETTINGS)
    assert found.rows_in == found.rows_out + len(found.issues)
    return found


@example(
    {
        "msg_type": 1,
        "mmsi": 201000000,
        "lon": 0.0,
        "lat": 0.0,
        "speed": 102.2,
        "course": 0.0,
        "heading": 0,
    }
)
@FUZZ
@given(
    st.fixed_dictionaries(
        {
            "msg_type": st.sampled_from([1, 2, 3, 18]), "mmsi": SHIPS, **PLACES,
            "speed": st.integers(0, 1022).map(lambda v: v / 10),
            "course": st.integers(0, 3599).map(lambda v: v / 10), "heading": st.integers(0, 359),
        }
    )
)  # fmt: skip
def test_a_position_comes_out_as_another_library_put_it_in(tmp_path, said):
    found = read(tmp_path, stamped(*pyais.encode_dict(said)))
    (fix,) = found.fixes.to_pylist()
    assert (fix["mmsi"], fix["sent_at"]) == (said["mmsi"], AT)
    # a message has ten-thousandths of a minute, aiscat single precision: a metre and a half
    assert fix["lon"] == pytest.approx(said["lon"], abs=1.7e-5)
    assert fix["lat"] == pytest.approx(said["lat"], abs=1e-5)
    speed = said["speed"] * 1852 / 3600
    assert fix["sog_mps"] == (pytest.approx(speed, abs=1e-4) if said["speed"] <= 102.2 else None)
    assert fix["cog_deg"] == pytest.approx(said["course"], abs=1e-4)
    assert fix["heading_deg"] == said["heading"]


def test_not_available_is_null_and_a_place_that_is_not_known_is_marked(tmp_path):
    said = {"msg_type": 1, "mmsi": 273312000, "lon": 181.0, "lat": 91.0, "speed": 102.3,
            "course": 360.0, "heading": 511, "status": 15}  # fmt: skip
    (fix,) = read(tmp_path, stamped(*pyais.encode_dict(said))).fixes.to_pylist()
    assert (fix["lon"], fix["lat"], fix["mark"]) == (181.0, 91.0, "position not available")
    assert (fix["sog_mps"], fix["cog_deg"], fix["heading_deg"]) == (None, None, None)


def test_identity_of_class_a_comes_in_two_sentences_and_of_class_b_in_two_messages(tmp_path):
    static = {"msg_type": 5, "mmsi": 273312000, "imo": 9307839, "callsign": "UBXY", "ship_type": 80,
              "shipname": "DARK STAR", "to_bow": 70, "to_stern": 20, "to_port": 6,
              "to_starboard": 8, "draught": 5.4, "destination": "VOSTOCHNY"}  # fmt: skip
    name = {"msg_type": 24, "mmsi": 440123456, "partno": 0, "shipname": "SMALL"}
    rest = {"msg_type": 24, "mmsi": 440123456, "partno": 1, "ship_type": 30, "callsign": "DS1",
            "to_bow": 9, "to_stern": 3, "to_port": 2, "to_starboard": 2}  # fmt: skip
    sentences = [text for said in (static, name, rest) for text in pyais.encode_dict(said)]

    found = read(tmp_path, stamped(*sentences))

    assert found.n_by_type == {5: 1, 24: 2}
    ship, *parts = found.statics.to_pylist()
    assert (ship["imo"], ship["name"], ship["callsign"], ship["ship_type"]) == (
        9307839, "DARK STAR", "UBXY", 80,
    )  # fmt: skip
    assert (ship["length_m"], ship["width_m"], ship["destination"]) == (90.0, 14.0, "VOSTOCHNY")
    assert ship["draught_m"] == pytest.approx(5.4)
    assert {part["name"] for part in parts} == {"SMALL", None}
    assert {part["length_m"] for part in parts} == {12.0, None}


def test_an_imo_number_whose_check_digit_fails_is_not_believed(tmp_path):
    static = {"msg_type": 5, "mmsi": 273312000, "imo": 9307838, "shipname": "DARK STAR"}
    (ship,) = read(tmp_path, stamped(*pyais.encode_dict(static))).statics.to_pylist()
    assert ship["imo"] is None


def test_damage_and_silence_are_set_aside_with_their_reason(tmp_path):
    good = pyais.encode_dict({"msg_type": 1, "mmsi": 273312000, "lon": 133.0, "lat": 42.7})[0]
    forged = good[:-2] + f"{int(good[-2:], 16) ^ 1:02X}"
    content = stamped(good, forged) + good.encode() + b"\n" + b"!AIVDM,1,1,,A,0,0*30\nnoise\n"

    found = read(tmp_path, content)

    assert found.fixes.num_rows == 1
    assert [issue.rule for issue in found.issues] == [
        "checksum does not hold",
        "nothing says when it was received",
        "message is not decoded",
        "no sentence of AIS",
    ]
    assert found.issues[0].where == "day.nmea line 2"


@FUZZ
@given(st.binary(max_size=400), st.integers(0, 3))
def test_whatever_lies_between_sentences_no_line_is_lost(tmp_path, noise, at):
    good = stamped(pyais.encode_dict({"msg_type": 1, "mmsi": 273312000, "lon": 1.0, "lat": 2.0})[0])
    pieces = [good, good, good]
    pieces.insert(at, noise.replace(b"\x1f\x8b", b"").replace(b"PK", b"") + b"\n")
    found = read(tmp_path, good + b"".join(pieces))
    assert found.fixes.num_rows >= 3


LEAST = defaultdict(int, {1: 149, 2: 149, 3: 149, 5: 420, 18: 148, 19: 301, 24: 160, 27: 96})
"""Bits below which a message is cut off: what comes after them no decoder needs."""


def bits_of(text: bytes) -> int:
    parts = [sentence.split(b",") for sentence in text.split()]
    return sum(6 * len(part[5]) - int(part[6][:1]) for part in parts)


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "nmea_pyais/nmea_data_sample.txt", "nmea_pyais/mixed.txt", "nmea_pyais/gatehouse.nmea",
        "nmea_libais/test.aivdm", "nmea_libais/typeexamples.nmea", "nmea_libais/tagblock.nmea",
        "decoded_and_raw/test_data_20211101.nm4", "decoded_and_raw/test_data_201201.nmea",
    ],
)  # fmt: skip
def test_real_files_hold_what_another_decoder_finds_message_by_message(reference_data, name):
    path = reference_data / "ais" / name
    found = read_whole(path, settings=SETTINGS)
    timed = [
        (pyais.decode(*one.text.split()), one.text)
        for one in messages(path.read_bytes().splitlines())
        if isinstance(one, Message) and one.received_s is not None
    ]
    sound = [
        said for said, text in timed if said.mmsi > 1 and bits_of(text) >= LEAST[said.msg_type]
    ]
    counts = Counter(said.msg_type for said in sound)

    n_refused = sum(issue.rule == "message is not decoded" for issue in found.issues)
    assert sum(found.n_by_type.values()) + n_refused == len(timed)
    for kind in (*POSITIONS, *IDENTITIES):
        assert found.n_by_type.get(kind, 0) == counts[kind]
    places = {(said.mmsi, round(said.lon, 3), round(said.lat, 3)) for said in sound
              if said.msg_type in POSITIONS}  # fmt: skip
    ours = {
        (fix["mmsi"], round(fix["lon"], 3), round(fix["lat"], 3)) for fix in found.fixes.to_pylist()
    }
    assert len(places - ours) <= 0.02 * len(places)  # single precision may round the other way
