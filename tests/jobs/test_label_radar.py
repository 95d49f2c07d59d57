"""A radar ship is as long as AIS says, about the middle of its marked ends."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.jobs.label_radar import ship_box, true_box


def ship(length_m, *, tail=(20, 35), head=(40, 35), width_m=30.0):
    """Marks 20 px apart along the columns: 210 m with the pixel that a box is drawn larger."""
    marks = {"Head": head, "Tail": tail, "UpperLeft": (0, 0), "LowerRight": (60, 70)}
    said = {
        f"SARShipInformation.{name}_{axis}": str(value)
        for name, place in marks.items()
        for axis, value in zip("xy", place, strict=True)
    }
    return said | {
        "AISShipInformation.Length": str(length_m),
        "AISShipInformation.Width": str(width_m),
    }


def sides(box):
    return np.hypot(*(box[0] - box[3])), np.hypot(*(box[0] - box[1]))


@pytest.mark.parametrize(
    ("ais_m", "length_px"),
    [
        (180.0, 19.0),  # AIS, and the pixel that boxes are drawn larger
        (0.0, 19.7),  # none broadcast: the marks, 210 m, less 23 m, and the pixel
        (60.0, 19.7),  # another ship's length
        (330.0, 19.7),
    ],
)
def test_length_is_what_ais_says_where_it_can_be_this_ships(ais_m, length_px):
    marked, box = ship_box(ship(ais_m)), true_box(ship(ais_m))

    assert sides(marked) == pytest.approx((21.0, 4.0))
    assert sides(box) == pytest.approx((length_px, 4.0))
    assert box.mean(axis=0) == pytest.approx(marked.mean(axis=0))


def test_a_slanted_ship_keeps_its_axis():
    box = true_box(ship(150.0, tail=(20, 20), head=(35, 40)))
    ahead = box[0] - box[3]

    assert np.degrees(np.arctan2(ahead[1], ahead[0])) == pytest.approx(53.13, abs=0.01)
    assert sides(box)[0] == pytest.approx(16.0)
