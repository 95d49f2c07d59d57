"""The reliability diagram says in words what it shows."""

from __future__ import annotations

from pipeline.review.reliability_plot import reliability_plot


def test_every_bin_is_drawn_with_its_count_and_said_in_words():
    drawn = reliability_plot([(0.1, 0.05, 40), (0.8, 1.0, 3)], what="were ships")

    assert ">40</text>" in drawn.svg
    assert ">3</text>" in drawn.svg
    assert "0.80 said, 1.00 of 3" in drawn.says
    assert drawn.svg == reliability_plot([(0.1, 0.05, 40), (0.8, 1.0, 3)], what="were ships").svg
