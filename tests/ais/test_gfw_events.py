"""Another provider's events, in the shapes its API gives them."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ais.hours import closed_silences
from tests.ais.conftest import SETTINGS, built, fix, read_whole
from tests.ais.test_jsonlines import JSON

EVENT = {
    "id": "e1", "type": "gap", "start": "2024-03-07T02:09:00.000Z", "end": "",
    "position": {"lat": 42.75, "lon": 133.02},
    "vessel": {"id": "x", "name": "LADA", "ssvid": "273312000", "flag": "RUS"},
    "gap": {
        "intentionalDisabling": True, "distanceKm": "55.5", "impliedSpeedKnots": "1.94",
        "onPosition": {"lat": "42.0", "lon": "131.5"},
    },
    "encounter": {
        "vessel": {"ssvid": "445000001"}, "medianDistanceKilometers": 0.034,
        "medianSpeedKnots": 0.758,
    },
    "port_visit": {"confidence": "4", "startAnchorage": {"name": "VOSTOCHNY"}},
    "loitering": {"totalDistanceKm": 34.8, "averageSpeedKnots": 0.5},
}  # fmt: skip


def event(**changes):
    return {**copy.deepcopy(EVENT), **changes}


def read(folder, text):
    path = folder / "events.json"
    path.write_text(text)
    return read_whole(path)


def test_each_kind_is_kept_with_what_is_its_own(tmp_path):
    rows = [event(type=kind) for kind in ("gap", "encounter", "port_visit", "loitering")]
    found = read(tmp_path, json.dumps({"metadata": {}, "total": 4, "entries": rows}, indent=1))
    assert (found.format, found.fixes.num_rows, found.issues) == (
        "Global Fishing Watch events (API v3)", 0, [],
    )  # fmt: skip
    gap, met, visit, slow = found.events
    assert (gap.mmsi, gap.vessel_name, gap.start_at, gap.end_at) == (
        273312000, "LADA", datetime(2024, 3, 7, 2, 9, tzinfo=UTC), None,
    )  # fmt: skip
    assert (gap.lon, gap.lat, gap.on_lon, gap.on_lat, gap.distance_m, gap.intentional) == (
        133.02, 42.75, 131.5, 42.0, 55_500.0, True,
    )  # fmt: skip
    assert gap.mean_speed_mps == pytest.approx(1.94 * 1852 / 3600)
    assert (met.other_mmsi, met.distance_m) == (445000001, 34.0)
    assert (visit.confidence, visit.place) == (4, "VOSTOCHNY")
    assert slow.distance_m == pytest.approx(34_800.0)


def test_a_line_each_and_what_is_no_event_is_set_aside(tmp_path):
    rows = [
        event(), event(type="party"), event(start="yesterday"),
        event(position={"lat": 91, "lon": 0}),
        event(vessel={"ssvid": "n/a"}), event(position=None),
    ]  # fmt: skip
    found = read(tmp_path, "\n".join([*map(json.dumps, rows), "{"]))
    assert [one.mmsi for one in found.events] == [273312000, None]
    assert [issue.where[-1] for issue in found.issues] == ["2", "3", "4", "6", "7"]


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from([*EVENT]), JSON)))
def test_whatever_a_field_holds_no_event_is_lost(tmp_path, changes):
    rows = [event(), *(event(**{name: value}) for name, value in changes)]
    found = read(tmp_path, "\n".join(map(json.dumps, rows)))
    assert found.rows_in == len(rows) == len(found.events) + len(found.issues)


@pytest.mark.real_data
def test_the_api_s_own_fixture_is_read_as_every_kind(reference_data):
    path = reference_data / "events/gfw_api_v3_fixtures/event_item.json"
    (fishing,) = read_whole(path).events
    assert (fishing.kind, fishing.mmsi, fishing.end_at) == ("fishing", 235063795, None)
    assert fishing.distance_m == pytest.approx(1_442_460.0, rel=1e-6)


@pytest.mark.real_data
@pytest.mark.parametrize("threshold_h", [1.0, 2.0, 6.0, 12.0])
def test_the_same_gaps_as_pipe_gaps_rule_on_its_own_messages(reference_data, threshold_h):
    """pipe-gaps: consecutive positions of one ssvid more than the threshold apart.

    The one difference: of its messages without a position, pipe-gaps makes nothing; here they are
    no fixes either, but excuse the ship (`n_elsewhere`).
    """
    path = reference_data / "events/gfw_pipe_gaps/sample_messages.json"
    rows = [row for row in json.loads(path.read_text()) if row["lat"] is not None]
    at = sorted(row["timestamp"] for row in rows)
    expected = [(a, b) for a, b in pairwise(at) if b - a > threshold_h * 3600]
    fixes = [
        fix(
            int(row["ssvid"]), 0, row["lon"], row["lat"],
            start=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=row["timestamp"]),
        )
        for row in rows
    ]  # fmt: skip
    chosen = SETTINGS.model_copy(update={"gap_min_s": threshold_h * 3600, "fragment_min_fixes": 1})
    silences = closed_silences(built(fixes, settings=chosen).on_air, chosen)
    found = sorted(zip(silences.off_s.tolist(), silences.on_s.tolist(), strict=True))
    assert np.allclose(found, expected) if expected else found == []
    assert len(found) == len(expected)
