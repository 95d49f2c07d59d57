"""One message an error, and the exit code that goes with it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pipeline.errors import (
    BadInput,
    ChecksFailed,
    DarkcallError,
    DiskFull,
    Locked,
    TryLater,
    UsageError,
)

KINDS = [
    (DarkcallError, 1), (UsageError, 2), (BadInput, 3), (ChecksFailed, 4), (TryLater, 75),
    (Locked, 75), (DiskFull, 75),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "code"), KINDS)
def test_each_kind_has_its_exit_code(kind, code):
    assert kind("x").exit_code == code
    assert issubclass(kind, DarkcallError)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "No berths"),
        ({"where": Path("a/b.geojson")}, "No berths: a/b.geojson"),
        ({"expected": 1}, "No berths (expected 1)"),
        ({"found": 0}, "No berths (found 0)"),
        ({"where": "a", "expected": "one", "found": 0}, "No berths: a (expected one, found 0)"),
        ({"where": "a", "found": 0, "do": "Draw some"}, "No berths: a (found 0). Draw some"),
        ({"do": "Draw some"}, "No berths. Draw some"),
    ],
)
def test_the_message_says_what_where_expected_found_and_what_to_do(parts, said):
    assert str(UsageError("No berths", **parts)) == said


@pytest.mark.parametrize(("kind", "code"), KINDS)
def test_an_error_comes_back_whole_from_a_worker_process(kind, code):
    error = kind("Torn", where=Path("x.tif"), expected=3, found=OSError("gone"), do="Fetch again")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert str(back) == str(error)
    assert (back.where, back.expected, back.do, back.exit_code) == (
        error.where, error.expected, error.do, code
    )  # fmt: skip
