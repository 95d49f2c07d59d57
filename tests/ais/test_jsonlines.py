"""aisstream.io and Digitraffic, as their own documentation shows the messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import BadInput
from tests.ais.conftest import read_whole

META = {
    "MMSI": 259000420, "ShipName": "AUGUSTSON", "latitude": 66.02695,
    "longitude": 12.253821666666665, "time_utc": "2022-12-29 18:22:32.318353 +0000 UTC",
}  # fmt: skip
POSITION = {
    "Cog": 308.2, "CommunicationState": 81982, "Latitude": 66.02695, "Longitude": 12.25382,
    "MessageID": 1, "NavigationalStatus": 15, "RateOfTurn": 4, "Sog": 9.4, "Timestamp": 31,
    "TrueHeading": 235, "UserID": 259000420, "Valid": True,
}  # fmt: skip
STATIC = {
    "AisVersion": 1, "CallSign": "LADA7", "Destination": "CHONGJIN", "ImoNumber": 9307839,
    "Dimension": {"A": 70, "B": 28, "C": 7, "D": 7}, "MaximumStaticDraught": 5.2, "Name": "LADA",
    "Type": 80, "UserID": 259000420, "Valid": True,
}  # fmt: skip
PARTS = {
    "UserID": 259000421, "Valid": True, "PartNumber": True,
    "ReportA": {"Name": "", "Valid": False},
    "ReportB": {
        "CallSign": "LB1", "ShipType": 30, "Valid": True,
        "Dimension": {"A": 8, "B": 4, "C": 2, "D": 2},
    },
}  # fmt: skip
LOCATION = {
    "mmsi": 230985490, "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [21.5, 60.25]},
    "properties": {
        "mmsi": 230985490, "sog": 0.1, "cog": 346.5, "navStat": 1, "heading": 79,
        "timestamp": 59, "timestampExternal": 1659212938646,
    },
}  # fmt: skip
VESSEL = {
    "mmsi": 255805753, "name": "CHRISTIAN ESSBERGER", "shipType": 80, "referencePointA": 79,
    "referencePointB": 22, "referencePointC": 8, "referencePointD": 8, "draught": 61,
    "imo": 9212498, "callSign": "CQCC", "timestamp": 1487938960141, "destination": "PORVOO",
}  # fmt: skip


def streamed(kind: str, body: dict) -> str:
    return json.dumps({"MessageType": kind, "MetaData": META, "Message": {kind: body}})


def read(folder, text: str):
    path = folder / "feed.json"
    path.write_text(text)
    return read_whole(path)


def test_a_stream_s_lines_become_fixes_and_statics(tmp_path):
    lines = [
        streamed("PositionReport", POSITION),
        streamed(
            "StandardClassBPositionReport",
            {**POSITION, "TrueHeading": 511, "Sog": 9, "Latitude": 66},
        ),
        streamed("ShipStaticData", STATIC),
        streamed("StaticDataReport", PARTS),
        streamed("BaseStationReport", {"UserID": 2573225, "Latitude": 1.0, "Longitude": 2.0}),
    ]
    found = read(tmp_path, "\n".join(lines))
    a, b = found.fixes.to_pylist()
    assert found.format == "aisstream.io JSON lines"
    assert (found.rows_in, found.issues) == (5, [])
    assert a["sent_at"] == datetime(2022, 12, 29, 18, 22, 32, 318353, tzinfo=UTC)
    assert (a["lon"], a["lat"], a["ais_class"], b["ais_class"]) == (12.25382, 66.02695, "A", "B")
    assert a["sog_mps"] == pytest.approx(9.4 * 1852 / 3600)
    assert (a["heading_deg"], b["heading_deg"], b["mark"]) == (235.0, None, None)
    lada, boat = found.statics.to_pylist()
    assert (lada["imo"], lada["length_m"], lada["width_m"]) == (9307839, 98.0, 14.0)
    assert (lada["draught_m"], lada["destination"]) == (5.2, "CHONGJIN")
    assert (boat["mmsi"], boat["name"], boat["ship_type"], boat["length_m"]) == (
        259000421, None, 30, 12.0,
    )  # fmt: skip


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("indent", [None, 1])
def test_features_and_vessels_of_the_finnish_feed(tmp_path, wrapped, indent):
    rows = [LOCATION, VESSEL]
    if wrapped:
        kinds = ("VESSEL_LOCATION", "VESSEL_METADATA")
        rows = [{"type": kind, "data": row} for kind, row in zip(kinds, rows, strict=True)]
    found = read(
        tmp_path, json.dumps({"type": "FeatureCollection", "features": rows}, indent=indent)
    )
    (fix,) = found.fixes.to_pylist()
    (static,) = found.statics.to_pylist()
    assert found.format == "Digitraffic JSON"
    assert (fix["mmsi"], fix["lon"], fix["lat"]) == (230985490, 21.5, 60.25)
    assert fix["sent_at"] == datetime(2022, 7, 30, 20, 28, 58, 646000, tzinfo=UTC)
    assert (static["draught_m"], static["length_m"], static["imo"]) == (6.1, 101.0, 9212498)


def test_what_is_no_message_is_set_aside_with_its_line(tmp_path):
    bad = [
        "{broken",
        "[1, 2]",
        streamed("PositionReport", {**POSITION, "UserID": None}),
        streamed("PositionReport", {**POSITION, "Latitude": "north"}),
        streamed("PositionReport", {**POSITION, "Valid": False}),
        streamed("PositionReport", POSITION).replace("2022-12-29", "2022-13-29"),
    ]
    found = read(tmp_path, "\n".join([streamed("PositionReport", POSITION), *bad]))
    assert found.fixes.num_rows == 1
    assert [(issue.where[-1], issue.rule) for issue in found.issues] == [
        ("2", "no JSON"), ("3", "no JSON object"), ("3", "no JSON object"),
        ("4", "no mmsi that can be read"), ("5", "no lat that can be read"),
        ("6", "message is not decoded"), ("7", "no sent_at that can be read"),
    ]  # fmt: skip


def test_json_of_another_kind_is_refused(tmp_path):
    with pytest.raises(BadInput, match="Not an AIS file of a kind that is known"):
        read(tmp_path, '{"type": "FeatureCollection", "features": []}')


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(["a", "d"]), st.sampled_from([*POSITION]), JSON)))
def test_whatever_a_field_holds_no_line_is_lost(tmp_path, changes):
    lines = [streamed("PositionReport", POSITION), json.dumps(LOCATION)]
    for kind, name, value in changes:
        changed = {**LOCATION, name.lower(): value, "geometry": {"coordinates": value}}
        lines.append(
            streamed("PositionReport", {**POSITION, name: value})
            if kind == "a"
            else json.dumps({**changed, "properties": {"timestampExternal": value}})
        )
    found = read(tmp_path, "\n".join(lines))
    assert found.rows_in == len(lines)
    assert found.rows_in == found.fixes.num_rows + len(found.issues)
