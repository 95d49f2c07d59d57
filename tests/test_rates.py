"""Rates of a detector: looked up by class, read from a file that may be broken."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.evaluate.detection import Tally
from pipeline.evaluate.rates import measured_rates
from pipeline.match.others import Others
from pipeline.match.settings import Settings
from pipeline.rates import Rates, read_rates, write_rates

RATES = Rates(
    source="hand", length_edges_m=(60.0, 100.0), shore_edges_m=(500.0,),
    recall=((0.1, 0.2), (0.3, 0.4), (0.5, 0.6)),
    false_per_km2=((1.0, 2.0), (3.0, 4.0), (5.0, 6.0)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("length_m", "shore_m", "recall", "false"),
    [(10, 0, 0.1, 1), (59.9, 499.9, 0.1, 1), (60, 500, 0.4, 4), (100, 0, 0.5, 5),
     (400, 9e9, 0.6, 6)],
)  # fmt: skip
def test_the_class_of_a_hull_tells_its_rates(length_m, shore_m, recall, false):
    length, shore = np.array([float(length_m)]), np.array([float(shore_m)])
    assert RATES.recall_of(length, shore).tolist() == [recall]
    assert RATES.false_alarms(length, shore).tolist() == [false]


def test_a_ship_of_unknown_length_is_middling():
    assert RATES.recall_of(np.array([np.nan]), np.zeros(1)).tolist() == [0.3]


def test_false_alarms_of_a_class_are_spread_over_its_share_of_the_length_prior():
    # Prior N(110, 60): P(60 to 100) = Phi(-1/6) - Phi(-5/6) = 0.43382 - 0.20233.
    others = Others(Settings(rates=RATES, dark_per_km2=0.5))
    found = others.per_m2(np.array([80.0]), np.array([0.0]))
    assert found[0] == pytest.approx((3.0 / 0.23149 + 0.5) * 1e-6, rel=1e-3)
    assert others.fewest_per_m2() <= found[0]
    # Over all lengths the density adds up to that of all classes.
    lengths = np.linspace(-600, 800, 20001)
    prior = np.exp(-0.5 * ((lengths - 110) / 60) ** 2) / (60 * np.sqrt(2 * np.pi))
    whole = np.trapezoid(others.per_m2(lengths, np.zeros_like(lengths)) * prior, lengths)
    assert whole == pytest.approx((1.0 + 3.0 + 5.0 + 0.5) * 1e-6, rel=1e-3)


def test_counts_become_rates_and_none_is_certain():
    tallies = [[Tally(hits=3, misses=1, false_alarms=2), Tally(hits=0, misses=0, false_alarms=0)]]
    found = measured_rates(
        tallies, [10.0, 100.0], length_edges_m=(60.0,), shore_edges_m=(500.0,), source="hand"
    )
    assert found.recall == ((0.35, 0.25), (0.7, 0.5))
    assert found.false_per_km2 == ((0.25, 0.005), (0.25, 0.005))


def test_what_was_written_is_read(tmp_path):
    write_rates(RATES, tmp_path / "rates.yaml")
    assert read_rates(tmp_path / "rates.yaml") == RATES


@pytest.mark.parametrize(
    "text",
    ["", "[1, 2", "source: x", "a: !!python/object:os.system {}",
     RATES.model_dump_json().replace("0.5", "1.5"),
     RATES.model_dump_json().replace("[5.0,6.0]", "[5.0]")],
)  # fmt: skip
def test_broken_rates_are_refused_in_one_line(tmp_path, text):
    path = tmp_path / "rates.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_rates(path)
    assert str(path) in str(caught.value)


def test_rates_that_are_too_long_are_not_read(tmp_path):
    path = tmp_path / "rates.yaml"
    path.write_text("a" * 200_000)
    with pytest.raises(UsageError, match="too long"):
        read_rates(path)
