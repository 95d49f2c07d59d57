"""Matching where the truth is known: crowds out of real ships, and harbours."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.ais.settings import Settings as AisSettings
from pipeline.errors import BadInput, UsageError
from pipeline.jobs.evaluate_match import evaluate_match, harbours, simple_rules
from pipeline.jobs.real_pairs import read_pairs, read_traffic
from pipeline.match.settings import Settings as MatchSettings


@pytest.fixture(scope="module")
def crowded():
    return harbours(60, MatchSettings(), 10)


def test_dark_ships_are_found_in_a_crowd_where_the_usual_rules_find_few(crowded):
    any_near, nearest = simple_rules(10)
    assert crowded.dark_precision.value > 0.9
    assert crowded.dark_recall.value > 0.8
    assert any_near.recall.value < 0.05
    assert nearest.recall.value < crowded.dark_recall.value - 0.15


def test_matches_in_a_crowd_are_nearly_all_right(crowded):
    assert crowded.match_precision.value > 0.9
    assert crowded.match_recall.value > 0.9


def test_without_the_data_it_says_so(tmp_path):
    with pytest.raises(UsageError, match="No matched ships"):
        read_pairs(tmp_path)
    with pytest.raises(UsageError, match="No real tracks"):
        read_traffic(tmp_path)


@pytest.mark.parametrize("text", ["{", json.dumps([{"dir": "a/GRD"}]), "[1]"])
def test_broken_data_are_refused(tmp_path, text):
    (tmp_path / "sar_opensarship").mkdir()
    (tmp_path / "sar_opensarship" / "ships.json").write_text(text)
    with pytest.raises(BadInput, match="Matched ships"):
        read_pairs(tmp_path)


@pytest.mark.slow
@pytest.mark.real_data
def test_real_ships_under_way_are_matched_with_the_doppler_term_and_without_are_not(reference_data):
    score = evaluate_match(reference_data, AisSettings(), MatchSettings(), share=0.34)
    figures = score.as_json()
    assert figures["pair_precision_10min"] > 0.9
    assert figures["pair_recall_10min"] > 0.9
    assert figures["moving_recall"] > figures["moving_recall_without_doppler"] + 0.2
    assert figures["recall_to_10min"] > figures["recall_to_120min"] > 0.75
    assert figures["calibration_error"] < 0.04
    assert all(one.count for bins in score.reliability().values() for one in bins)


@pytest.mark.real_data
def test_marks_on_real_images_lie_along_the_headings_that_ais_tells(reference_data):
    off = [abs(one.shape.axis_off_deg) for one in read_pairs(reference_data)
           if one.shape.heading_deg is not None]  # fmt: skip
    # Axes drawn at random would be 45 deg off in the median.
    assert np.median(off) < 12.0


def test_the_command_says_what_it_lacks_in_one_line(darkcall_here, tmp_path):
    ended = darkcall_here("evaluate", "match", "--json", DARKCALL_REFERENCE_DATA=str(tmp_path))
    assert ended.code == 2
    (line,) = [line for line in ended.said() if line.strip()]
    assert "No matched ships there" in line
