"""How long the weightless detector takes on one square kilometre, whole against in windows.

Both run in this process on the same rendered sea, one after the other, several times; the table
gives the median and their ratio. Windows cost overlap and buy bounded memory.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.run import find_hulls
from pipeline.detect.settings import Settings
from pipeline.geo import Grid
from pipeline.records import (
    Image,
    Sensor,
    Surface,
)
from pipeline.scene.tiles import windows

HEIGHT, WIDTH = 1700, 1300
REPEATS = 3


def rendered_sea() -> tuple[Image, Surface]:
    """Open water with forty bright hulls of 100 m, sigma nought."""
    rng = np.random.default_rng(2397)
    power = np.stack([np.full((HEIGHT, WIDTH), 0.012), np.full((HEIGHT, WIDTH), 0.002)])
    for row, col in rng.integers(30, (HEIGHT - 30, WIDTH - 30), (40, 2)):
        power[:, row : row + 10, col : col + 2] = [[[1.5]], [[0.2]]]
    power *= rng.gamma(4.4, 1 / 4.4, power.shape)
    grid = Grid(
        crs="EPSG:32652", x_min_m=500_000.0, y_max_m=4_700_000.0, pixel_m=10.0,
        height=HEIGHT, width=WIDTH,
    )  # fmt: skip
    sea = np.ones((HEIGHT, WIDTH), np.bool_)
    image = Image(grid=grid, bands=("VV", "VH"), data=power.astype(np.float32), valid=sea)
    far = np.full((HEIGHT, WIDTH), 5000.0, np.float32)
    return image, Surface(sea=sea, cloud=~sea, shore_distance_m=far)


def main() -> None:
    """Print one table."""
    settings = Settings()
    image, surface = rendered_sea()
    detector = CfarDetector(Sensor.S1, settings)
    ways = {
        "whole image": [(0, HEIGHT, 0, WIDTH)],
        f"windows of {settings.tile_px} px": windows(
            HEIGHT, WIDTH, tile_px=settings.tile_px, overlap_px=settings.tile_overlap_px
        ),
    }
    area_km2 = HEIGHT * WIDTH * 1e-4
    seconds = {}
    print(f"{'way':<22}{'hulls':>7}{'ms / km2':>11}{'ratio':>8}")
    for name, parts in ways.items():
        taken = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            hulls = find_hulls(image, surface, detector=detector, windows=parts, settings=settings)
            taken.append(time.perf_counter() - started)
        seconds[name] = statistics.median(taken)
        ratio = seconds[name] / seconds["whole image"]
        print(f"{name:<22}{len(hulls):>7}{1e3 * seconds[name] / area_km2:>11.2f}{ratio:>8.2f}")


if __name__ == "__main__":
    main()
