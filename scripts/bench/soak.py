"""Memory and file handles over many scenes in one process: are they flat?

Each scene is written as an archive delivers it (four bands, a STAC item), then fetched and searched
by the jobs that `darkcall fetch` and `darkcall detect` are made of: found in its folder, read,
clouds and coverage, working copies, the shipped network on the engine that the machine is given,
crops, tables, manifests. Three invented ports of different sizes take turns, so that shapes change.
Afterwards RSS and open files are read.

  rss_first_mib, rss_last_mib  median of twenty scenes, after warming up (the first fifth) and last
  rss_slope_kib_per_scene      straight line through all scenes after warming up
  fds_first, fds_last          open files at the same two places
  flat                         under 8 KiB a scene (4 MiB in 500 scenes), and no more open files
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import rasterio
import yaml
from rasterio.transform import Affine
from rasterio.warp import transform_geom

sys.path.insert(0, str(Path(__file__).parents[2]))
from pipeline.config import Config, Inputs, load_config
from pipeline.jobs.contract import Mode
from pipeline.jobs.detect_ships import detect
from pipeline.jobs.fetch_scenes import fetch
from pipeline.jobs.run import Selection, open_run
from pipeline.jobs.run_record import engines_of

ROOT = Path(__file__).parents[2]
PLOT = ROOT / "docs/pictures/soak.svg"
CRS = "EPSG:32653"
BANDS = {"blue": 0.04, "green": 0.05, "red": 0.05, "nir": 0.03}
SIDES_PX = ((132, 171), (158, 120), (196, 147))
"""(height, width) of the three ports."""
ORIGINS = ((430_000, 4_660_000), (450_000, 4_650_000), (470_000, 4_640_000))
FIRST = datetime(2024, 1, 1, 2, 0, tzinfo=UTC)
"""About half past ten in the morning there, as Sentinel-2 passes."""
NEAR = 20
FLAT_KIB = 8.0


@dataclass(frozen=True)
class Sample:
    """After one scene."""

    rss_kib: float
    fds: int


class Quiet:
    """Progress that says nothing and takes nothing in, but failures, which end it."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Quiet]:  # noqa: ARG002
        """All reports are this one."""
        yield self

    def done(self, item_id: str, counts: object) -> None:
        """Nothing to say."""

    def failed(self, item_id: str, message: str) -> None:
        """A scene that fails would not use what others use."""
        sys.exit(f"{item_id}: {message}")


def box(origin: tuple[int, int], shape: tuple[int, int], inside: tuple[float, ...]) -> dict:
    """A rectangle on a port's grid, in lon/lat: top, bottom, left, right as shares of its sides."""
    top, bottom, left, right = inside
    west, north = origin
    height, width = shape[0] * 10, shape[1] * 10
    xs, ys = (
        (west + left * width, west + right * width),
        (north - bottom * height, north - top * height),
    )
    ring = [(xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1]), (xs[0], ys[0])]
    return transform_geom(CRS, "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})


def configured(folder: Path) -> Config:
    """Three ports: land on the left, an oil berth beside it."""
    features = []
    for number, (origin, shape) in enumerate(zip(ORIGINS, SIDES_PX, strict=True)):
        base = {"site_id": f"soak-{number}", "source": "invented", "digitised_on": "2026-11-27"}
        site = {**base, "kind": "site", "name": f"Soak {number}", "country": "ZZ"}
        zone = {**base, "kind": "zone", "zone_id": f"soak-{number}-oil", "name": "jetty",
                "role": "load", "cargo": "oil products", "is_guess": False}  # fmt: skip
        for properties, inside in (
            (site, (0.02, 0.98, 0.02, 0.98)),
            ({**base, "kind": "land"}, (-0.1, 1.1, -0.1, 0.2)),
            (zone, (0.3, 0.7, 0.2, 0.35)),
        ):
            geometry = box(origin, shape, inside)
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    (folder / "sites.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features})
    )
    document = {
        "name": "soak", "title": "Many scenes in one process", "workspace": "workspace",
        "sites": "sites.geojson", "period": {"start": "2024-01-01", "end": "2030-01-01"},
        "executor": "serial", "scene": {"coastline": "site"}, "detect": {"views": {"S2": 1}},
    }  # fmt: skip
    (folder / "soak.yaml").write_text(yaml.safe_dump(document))
    return load_config(folder / "soak.yaml")


def deliver(folder: Path, number: int) -> None:
    """One scene: water with noise, bright land, some hulls alongside and under way, some cloud."""
    port = number % len(ORIGINS)
    (height, width), (west, north) = SIDES_PX[port], ORIGINS[port]
    rng = np.random.default_rng(number)
    hulls = [(rng.integers(8, height - 30), rng.integers(width // 4, width - 12),
              rng.integers(8, 22), rng.integers(2, 5)) for _ in range(6)]  # fmt: skip
    folder.mkdir(parents=True)
    assets = {}
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 1, "height": height, "width": width,
               "crs": CRS, "transform": Affine(10, 0, west, 0, -10, north), "nodata": 0,
               "compress": "DEFLATE"}  # fmt: skip
    for name, level in BANDS.items():
        pixels = rng.normal(level, 0.004, (height, width))
        pixels[:, : width // 5] = rng.normal(0.18, 0.03, (height, width // 5))
        for top, left, length, beam in hulls:
            pixels[top : top + length, left : left + beam] = rng.normal(0.22, 0.03, (length, beam))
        if number % 3 == 0:
            pixels[: height // 4, width // 2 :] = rng.normal(0.6, 0.02)
        with rasterio.open(folder / f"{name}.tif", "w", **profile) as dataset:
            dataset.write(np.clip(pixels * 10_000 + 1000, 1, 20_000).astype(np.uint16), 1)
        facts = {"nodata": 0, "scale": 1e-4, "offset": -0.1}
        assets[name] = {"href": f"./{name}.tif", "raster:bands": [facts]}
    at = FIRST + timedelta(days=number)
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": f"S2A_SOAK_{number:05d}", "links": [],
        "geometry": box((west, north), (height, width), (0, 1, 0, 1)), "assets": assets,
        "properties": {"datetime": at.isoformat().replace("+00:00", "Z"), "platform": "sentinel-2a",
                       "s2:processing_baseline": "05.10", "sat:relative_orbit": 46},
    }  # fmt: skip
    (folder / "item.json").write_text(json.dumps(item))


def soak(config: Config, folder: Path, n_scenes: int) -> tuple[list[Sample], int]:
    """A sample a scene, and the hulls that were kept."""
    process = psutil.Process()
    samples, kept = [], 0
    for number in range(n_scenes):
        delivered = folder / "inputs" / f"{number:05d}"
        deliver(delivered, number)
        one = config.model_copy(update={"inputs": Inputs(scenes=(delivered,))})
        run = open_run(one, selection=Selection(), mode=Mode(), progress=Quiet())
        fetched, _ = fetch(run, None)
        found = detect(run, fetched)
        run.executor.close()
        if len(found.done) != 1:
            sys.exit(f"scene {number} was not searched: {found}")
        kept += sum(done.counts["kept"] for done in found.done.values())
        shutil.rmtree(delivered)  # a folder that an archive fills and somebody empties
        samples.append(Sample(process.memory_info().rss / 1024, process.num_fds()))
    return samples, kept


def figures(samples: list[Sample]) -> dict:
    """What the samples say."""
    warm = samples[len(samples) // 5 :]
    rss = np.array([sample.rss_kib for sample in warm])
    scene = np.arange(len(rss)) - (len(rss) - 1) / 2
    slope = float((scene * rss).sum() / (scene * scene).sum())
    near = min(NEAR, len(warm))
    first, last = warm[:near], warm[-near:]
    fds_first, fds_last = (max(one.fds for one in part) for part in (first, last))
    return {
        "scenes": len(samples),
        "rss_first_mib": round(median(one.rss_kib for one in first) / 1024, 1),
        "rss_last_mib": round(median(one.rss_kib for one in last) / 1024, 1),
        "rss_slope_kib_per_scene": round(slope, 3),
        "fds_first": fds_first,
        "fds_last": fds_last,
        "flat": bool(slope < FLAT_KIB and fds_last <= fds_first),
    }


def draw(samples: list[Sample], told: dict, path: Path) -> None:
    """RSS and open files by scene."""
    import matplotlib as mpl  # noqa: PLC0415 - after the measuring, not in it
    import matplotlib.pyplot as plt  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = "darkcall"
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    scenes = range(1, len(samples) + 1)
    axes.plot(scenes, [one.rss_kib / 1024 for one in samples], lw=1, color="#1f4e79")
    axes.set(xlabel="scenes in one process", ylabel="resident memory, MiB", ylim=(0, None),
             title=f"{told['rss_slope_kib_per_scene']:+.2f} KiB a scene after "
             f"{len(samples) // 5} to warm up")  # fmt: skip
    files = axes.twinx()
    files.plot(scenes, [one.fds for one in samples], lw=1, color="#b5651d")
    files.set_ylim(0, max(one.fds for one in samples) * 3)
    files.set_ylabel("open files", color="#b5651d")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Print one table, or with --json one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--plot", type=Path, default=PLOT, help="picture to write")
    parser.add_argument("--samples", type=Path, help="CSV of every sample to write")
    args = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        config = configured(Path(folder))
        samples, kept = soak(config, Path(folder), args.scenes)
    told = figures(samples)
    draw(samples, told, args.plot)
    if args.samples:
        rows = (f"{one.rss_kib:.0f},{one.fds}\n" for one in samples)
        args.samples.write_text("rss_kib,fds\n" + "".join(rows))
    told |= {"engine": engines_of(config)["S2"], "hulls_kept": kept,
             "seconds": round(time.monotonic() - started, 1)}  # fmt: skip
    if args.json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        print(f"{name:<26} {value}")


if __name__ == "__main__":
    main()
