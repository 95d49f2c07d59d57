"""Ships in a whole tile, from COG to table: Darkcall against SAHI with ultralytics on PyTorch.

Both read the same COG with the same weights on the same device, each in a process of its own, one
after the other. The tile is a mosaic of the reference data's four-band ports
(DARKCALL_REFERENCE_DATA) on their own water. SAHI takes 8-bit pictures: it is given the stretched
bands as one, its first convolution scaled to match, which is exact but for the rounding. SAHI
(`pip install sahi`) is no dependency; without it only Darkcall's own figures are printed.

  speedup_vs_sahi       area per second, Darkcall with every window inferred, over SAHI's
  speedup_with_skipping the same where windows without water are skipped (the tile lies on a coast)
  share_of_raw_engine   seconds of the bare network over the same windows / Darkcall's seconds
  f1_delta              Darkcall's F1 less SAHI's, hulls of 60 m and more
  peak_rss_gib          of Darkcall's process
"""

# ruff: noqa: PLC0415 - each child imports only what its own way needs
from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

import pipeline.scene.settings
from pipeline.detect.run import search
from pipeline.detect.settings import Settings
from pipeline.detect.yolo import open_yolo
from pipeline.evaluate.detection import FoundShip, TrueShip, verdicts
from pipeline.evaluate.settings import Settings as Scoring
from pipeline.jobs.detect_ships import tiles_of
from pipeline.jobs.trained import model_folder
from pipeline.model import Description, read_model
from pipeline.records import Sensor
from pipeline.scene.lazy import open_lazily

PORTS = ("algiers", "athens", "cartagena", "casablanca", "gdynia", "genoa", "klang", "marseille",
         "valencia")  # fmt: skip
SLICE_PX, OVERLAP = 512, 0.2
"""SAHI's own defaults."""
GAIN = 1.5


def mosaic(reference: Path, side: int, out: Path, *, on_coast: bool) -> list[TrueShip]:
    """Write a tile of ports on water, darkest water at one level; the hulls that lie in it."""
    document = json.loads((reference / "annotations_coco.json").read_text())
    pictures = {image["id"]: image["file_name"] for image in document["images"]}
    canvas = np.zeros((4, side, side), np.uint16)
    rng = np.random.default_rng(5)
    with rasterio.open(reference / "valencia.tif") as dataset:
        water = dataset.read()[:, 60:660, 720:1240].astype(np.float32)
    water -= np.percentile(water, 2, axis=(1, 2))[:, None, None] - 100.0
    for top in range(0, side, 600):
        for left in range(0, side, 520):
            part = water[:, : side - top, : side - left]
            canvas[:, top : top + 600, left : left + 520] = np.clip(part, 60, 10_000)
    truths = []
    top = left = shelf = 0
    while True:
        name = PORTS[int(rng.integers(len(PORTS)))]
        with rasterio.open(reference / f"{name}.tif") as dataset:
            pixels = dataset.read().astype(np.float32)
        seen = (pixels > 0).all(axis=0)
        dark = np.percentile(pixels[:, seen], 2, axis=1)
        pixels = np.clip(pixels - dark[:, None, None] + 100.0, 60, 10_000)
        height, width = seen.shape
        if left + width > side:
            top, left, shelf = top + shelf + 60, 0, 0
        if top + height > side or width > side:
            break
        view = canvas[:, top : top + height, left : left + width]
        view[:, seen] = pixels[:, seen]
        image_id = next(key for key, file in pictures.items() if file == f"{name}.tif")
        for label in document["annotations"]:
            if label["image_id"] == image_id:
                col, row = np.asarray(label["obb"]).reshape(-1, 2).mean(axis=0)
                truths.append(_truth(row + top, col + left, label))
        left, shelf = left + width + 60, max(shelf, height)
    # in the open sea south of Sicily, or across its coast
    origin = (430_000.0, 4_215_000.0) if on_coast else (500_000.0, 4_000_000.0)
    profile = {
        "driver": "COG", "dtype": "uint16", "count": 4, "height": side, "width": side,
        "crs": "EPSG:32633", "transform": Affine(10, 0, origin[0], 0, -10, origin[1]),
        "nodata": 0, "compress": "DEFLATE", "blocksize": 512, "overviews": "NONE",
    }  # fmt: skip
    with rasterio.open(out, "w", **profile) as dataset:
        dataset.write(canvas)
        dataset.descriptions = ("B02", "B03", "B04", "B08")
    return truths


def _truth(row: float, col: float, label: dict) -> TrueShip:
    return TrueShip(
        scene_id="tile", x_m=col * 10.0, y_m=-row * 10.0, length_m=float(label["length_m"]),
        axis_deg=float(label["axis_deg"]) % 180.0, shore_distance_m=0.0,
    )  # fmt: skip


def _found(row: float, col: float, length_m: float) -> FoundShip:
    return FoundShip(
        scene_id="tile", x_m=col * 10.0, y_m=-row * 10.0, length_m=length_m, axis_deg=0.0,
        shore_distance_m=0.0,
    )  # fmt: skip


def darkcall(path: Path, model_name: str, device: str) -> dict:
    """Everything from opening the COG to the list of hulls, and the bare network for comparison."""
    # one view of each window, as SAHI has; the chain's eight cost eight times the network's share
    settings = Settings(device=device, views={Sensor.S2: 1})
    detector = open_yolo(read_model(model_folder(model_name)), settings)
    started = time.perf_counter()
    source = open_lazily(path, Sensor.S2, pipeline.scene.settings.Settings())
    windows = tiles_of(source.grid, settings)
    result = search(source, detector=detector, windows=windows, settings=settings)
    seconds = time.perf_counter() - started
    rss_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    view = detector.prepare(*source.view(windows[0]))
    # batch after batch, as the search gives them to the network
    batches = [min(settings.batch, result.looked_at - n)
               for n in range(0, result.looked_at, settings.batch)]  # fmt: skip
    started = time.perf_counter()
    for count in batches:
        detector.infer([view] * count)
    raw = time.perf_counter() - started
    return {
        "seconds": seconds, "raw_seconds": raw, "rss_gib": rss_gib, "looked_at": result.looked_at,
        "skipped": result.skipped, "engine": detector.engine_name,
        "ships": [[hull.row_px, hull.col_px, hull.length_px * 10.0, hull.score]
                  for hull in result.hulls],
    }  # fmt: skip


def sahi(path: Path, model_name: str, device: str) -> dict:
    """The same by SAHI's sliced prediction over ultralytics' own predictor on PyTorch."""
    import torch
    from sahi.models.ultralytics import UltralyticsDetectionModel
    from sahi.predict import get_sliced_prediction
    from ultralytics import YOLO

    from pipeline.network import load_network

    model = read_model(model_folder(model_name))
    described = model.description
    network = load_network(model.architecture, 4, model.checked(described.weights))
    with torch.no_grad():
        network.model[0].conv.weight *= 255.0 / 200.0  # fed levels / 255, trained on levels / 200
    yolo = YOLO(str(model.architecture), task="obb")
    yolo.model = network
    network.names = {0: "ship"}
    wrapped = UltralyticsDetectionModel(
        model=yolo, confidence_threshold=_raw_threshold(described), device=_device(device),
        image_size=SLICE_PX, category_mapping={"0": "ship"},
    )  # fmt: skip
    started = time.perf_counter()
    with rasterio.open(path) as dataset:
        values = dataset.read()
    levels = np.empty((values.shape[1], values.shape[2], 4), np.uint8)
    for band, layer in enumerate(values):
        # SAHI's wrapper turns the order of the channels round, as for pictures in RGB
        dark = np.percentile(layer[::8, ::8], described.stretch.dark_percentile) * 1e-4
        reflectance = layer.astype(np.float32) * 1e-4
        root = GAIN * np.sqrt(np.maximum(reflectance - dark + described.stretch.floor, 1e-4))
        levels[:, :, 3 - band] = np.clip(np.round(root * 200.0), 15, 255)
    answer = get_sliced_prediction(
        levels, wrapped, slice_height=SLICE_PX, slice_width=SLICE_PX, overlap_height_ratio=OVERLAP,
        overlap_width_ratio=OVERLAP, perform_standard_pred=False, verbose=0,
        postprocess_match_metric="IOS", postprocess_match_threshold=0.5,
    )  # fmt: skip
    ships = []
    for one in answer.object_prediction_list:
        corners = np.asarray(one.mask.segmentation[0]).reshape(-1, 2)
        sides = [float(np.hypot(*(corners[k] - corners[k - 1]))) for k in (1, 2)]
        col, row = corners.mean(axis=0)
        length = described.length_scale[0] + described.length_scale[1] * max(sides) * 10.0
        ships.append([float(row), float(col), length, 1.0])
    return {"seconds": time.perf_counter() - started, "ships": ships}


def _raw_threshold(described: Description) -> float:
    offset, slope = described.calibration
    wanted = np.log(described.score_min / (1.0 - described.score_min))
    return float(1.0 / (1.0 + np.exp(-(wanted - offset) / slope)))


def _device(device: str) -> str:
    import torch

    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    return device


def f1(truths: list[TrueShip], ships: list[list[float]], least: float) -> float:
    """Of hulls of 60 m and more, those at or above the score."""
    found = [_found(row, col, length) for row, col, length, score in ships if score >= least]
    told = verdicts(truths, found, Scoring())
    wrong = len(told.missed) + len(told.false_alarms)
    return 2 * len(told.hits) / max(1, 2 * len(told.hits) + wrong)


def in_child(way: str, path: Path, args: argparse.Namespace) -> dict:
    """One way in a process of its own, so that memory is its own too."""
    command = [sys.executable, __file__, "--child", way, "--tile", str(path), "--model", args.model,
               "--device", args.device]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"{way} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print one table, or with --json one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--model", default="s2")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--side", type=int, default=10_980, help="px; a Sentinel-2 tile has 10,980")
    parser.add_argument("--child", choices=("darkcall", "sahi"), help=argparse.SUPPRESS)
    parser.add_argument("--tile", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        way = darkcall if args.child == "darkcall" else sahi
        print(json.dumps(way(args.tile, args.model, args.device)))
        return
    reference = os.environ.get("DARKCALL_REFERENCE_DATA", "")
    if not reference or not Path(reference).is_dir():
        print(
            "skipped: DARKCALL_REFERENCE_DATA names no folder, and the tile is made of real ports"
        )
        return
    least = read_model(model_folder(args.model)).description.score_min
    with tempfile.TemporaryDirectory() as folder:
        open_sea, coast = Path(folder) / "sea.tif", Path(folder) / "coast.tif"
        truths = mosaic(Path(reference) / "sentinel2_ports", args.side, open_sea, on_coast=False)
        mosaic(Path(reference) / "sentinel2_ports", args.side, coast, on_coast=True)
        ours = in_child("darkcall", open_sea, args)
        skipping = in_child("darkcall", coast, args)
        try:
            import sahi as _  # noqa: F401

            theirs = in_child("sahi", open_sea, args)
        except ImportError:
            theirs = None
    area_km2 = (args.side * 10.0) ** 2 / 1e6
    figures = {
        "engine": ours["engine"],
        "side_px": args.side,
        "darkcall_km2_per_s": area_km2 / ours["seconds"],
        "darkcall_skipping_km2_per_s": area_km2 / skipping["seconds"],
        "windows": ours["looked_at"],
        "windows_skipped": sum(skipping["skipped"].values()),
        "share_of_raw_engine": ours["raw_seconds"] / ours["seconds"],
        "peak_rss_gib": ours["rss_gib"],
        "f1": f1(truths, ours["ships"], least),
    }
    if theirs is not None:
        figures |= {
            "sahi_km2_per_s": area_km2 / theirs["seconds"],
            "speedup_vs_sahi": theirs["seconds"] / ours["seconds"],
            "speedup_with_skipping": theirs["seconds"] / skipping["seconds"],
            "f1_sahi": f1(truths, theirs["ships"], 0.0),
        }
        figures["f1_delta"] = figures["f1"] - figures["f1_sahi"]
    if args.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<28} {value:.3f}" if isinstance(value, float) else f"{name:<28} {value}")


if __name__ == "__main__":
    main()
