"""Pictures of berths on disk."""

from __future__ import annotations

import numpy as np

from pipeline.detect.empty import pictures
from pipeline.jobs.berth_pictures import read_pictures, write_pictures
from tests.detect.test_empty import PIER, a_pass, port

SAME = ("zone_id", "scene_id", "sensed_at", "sensor", "relative_orbit", "row0", "col0", "grid")


def test_pictures_keep_what_they_show_on_disk(tmp_path):
    scene, image, ground = a_pass(2, [PIER])
    image.valid[50:60, 70:80] = False
    (shown,) = pictures(scene, image, ground, port(image.grid))
    write_pictures([shown], tmp_path / "berths.npz")
    (kept,) = read_pictures(tmp_path / "berths.npz")
    assert [getattr(kept, name) for name in SAME] == [getattr(shown, name) for name in SAME]
    np.testing.assert_allclose(kept.excess, shown.excess, atol=2e-4)
    assert np.isnan(kept.excess).sum() == 100
    write_pictures([], tmp_path / "none.npz")
    assert read_pictures(tmp_path / "none.npz") == []
