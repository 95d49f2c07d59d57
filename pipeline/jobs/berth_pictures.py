"""Pictures of berths kept beside a scene's detections: screening reads these and no scene again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np

from pipeline.detect.empty import Picture
from pipeline.geo import Grid

PICTURES = "berths.npz"
ABOUT = "about"


def write_pictures(shown: Sequence[Picture], path: Path) -> None:
    """One array a berth, half precision, and what they show as JSON."""
    arrays = {str(index): one.excess.astype(np.float16) for index, one in enumerate(shown)}
    about = [
        {
            "zone_id": one.zone_id,
            "scene_id": one.scene_id,
            "sensed_at": one.sensed_at.isoformat(),
            "sensor": one.sensor,
            "relative_orbit": one.relative_orbit,
            "row0": one.row0,
            "col0": one.col0,
            "cloud_share": one.cloud_share,
            "grid": asdict(one.grid),
        }
        for one in shown
    ]
    np.savez_compressed(path, allow_pickle=False, **{ABOUT: np.array(json.dumps(about))}, **arrays)


def read_pictures(path: Path) -> list[Picture]:
    """As written by `write_pictures`."""
    with np.load(path, allow_pickle=False) as kept:
        return [
            Picture(
                zone_id=one["zone_id"],
                scene_id=one["scene_id"],
                sensed_at=datetime.fromisoformat(one["sensed_at"]),
                sensor=one["sensor"],
                relative_orbit=one["relative_orbit"],
                row0=one["row0"],
                col0=one["col0"],
                cloud_share=one["cloud_share"],
                grid=Grid(**one["grid"]),
                excess=kept[str(index)].astype(np.float32),
            )
            for index, one in enumerate(json.loads(str(kept[ABOUT])))
        ]
