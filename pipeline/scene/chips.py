"""Crops of a scene as PNG, at one fixed stretch and scale, for a person to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BadInput
from pipeline.records import Image
from pipeline.scene.settings import Settings
from pipeline.whole_files import whole_file

Bytes = NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Blue, green, red, each 0 to 255."""
_INK: Colour = (255, 255, 255)
AMBER: Colour = (0, 220, 255)


def write_chip(
    path: Path,
    image: Image,
    *,
    row: float,
    col: float,
    settings: Settings,
    outline_px: Sequence[float] | None = None,
) -> None:
    """Write `picture` of a place as an 8-bit PNG, with at most one outline in amber.

    Args:
        path: file to write, published by rename.
        image: the scene's pixels.
        row: centre, pixel-edge coordinates.
        col: centre, pixel-edge coordinates.
        settings: size, stretch and scale bar.
        outline_px: row0 col0 … row3 col3 of a box to draw, scene pixel edges.

    Raises:
        BadInput: the image has no band that can be shown.
    """
    outlines = [] if outline_px is None else [(outline_px, AMBER)]
    _publish(path, picture(image, row=row, col=col, settings=settings, outlines=outlines))


def picture(
    image: Image,
    *,
    row: float,
    col: float,
    settings: Settings,
    outlines: Sequence[tuple[Sequence[float], Colour]] = (),
    bands: Sequence[str] | None = None,
    marked: bool = True,
) -> Bytes:
    """(height, width, 3) 8-bit crop centred on a place, with scale bar and north tick.

    Sentinel-2 is shown in true colour (near infrared in grey where a visible band is missing),
    Sentinel-1 as VV in dB. The stretch never depends on the content, so chips compare. What lies
    outside the image or is not valid is black.

    Args:
        image: the scene's pixels.
        row: centre, pixel-edge coordinates.
        col: centre, pixel-edge coordinates.
        settings: size, stretch and scale bar.
        outlines: boxes to draw, row0 col0 … row3 col3 in scene pixel edges, each with its colour.
        bands: shown as blue, green and red, or one in grey; None: as above.
        marked: with scale bar and north; a page draws its own.

    Raises:
        BadInput: the image has no band that can be shown.
    """
    zoom = settings.chip_px / (settings.chip_m / image.grid.pixel_m)
    half_px = settings.chip_m / image.grid.pixel_m / 2.0
    # cv2 counts from pixel centres: edge coordinate e is centre coordinate e - 0.5
    offset = 0.5 * zoom - 0.5
    matrix = np.array(
        [
            [zoom, 0.0, offset - zoom * (col - half_px)],
            [0.0, zoom, offset - zoom * (row - half_px)],
        ]
    )
    size = (settings.chip_px, settings.chip_px)
    layers = stretched(image, bands or shown_bands(image), settings)
    warped = cv2.warpAffine(layers, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    canvas = np.asarray(warped, np.uint8)
    for outline_px, colour in outlines:
        _draw_outline(canvas, outline_px, zoom, (row - half_px, col - half_px), colour)
    if not marked:
        return canvas
    _draw_scale(canvas, settings.chip_scale_bar_m / image.grid.pixel_m * zoom, settings)
    lon, lat = image.grid.lonlat_from_px(row, col)
    _draw_north(canvas, image.grid.convergence_deg(float(lon), float(lat)))
    return canvas


def write_sheet(path: Path, tiles: Sequence[tuple[Bytes, str]], *, columns: int) -> None:
    """Write pictures of one size side by side, each under its caption, as one PNG.

    Args:
        path: file to write, published by rename.
        tiles: (height, width, 3) 8-bit pictures and a caption each; at least one.
        columns: pictures in a row.
    """
    height, width = tiles[0][0].shape[:2]
    band, rows = 22, -(-len(tiles) // columns)
    sheet = np.zeros((rows * (height + band), columns * width, 3), np.uint8)
    for number, (tile, caption) in enumerate(tiles):
        top, left = (number // columns) * (height + band), (number % columns) * width
        sheet[top + band : top + band + height, left : left + width] = tile
        place = (left + 6, top + 15)
        cv2.putText(sheet, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    _publish(path, sheet)


def shown_bands(image: Image) -> tuple[str, ...]:
    """What is shown where nobody chose: true colour, else near infrared, else radar.

    Raises:
        BadInput: the image has no band that can be shown.
    """
    for bands in (("B02", "B03", "B04"), ("B08",), ("VV",), ("VH",)):
        if set(bands) <= set(image.bands):
            return bands
    raise BadInput("Image has no band to show", expected="B02 B03 B04, B08, VV or VH")


def stretched(image: Image, bands: Sequence[str], settings: Settings) -> Bytes:
    """(height, width, 3) 8-bit in OpenCV's order blue, green, red; black where not valid.

    Args:
        image: has these bands.
        bands: shown as blue, green and red, or one in grey.
        settings: the stretch, of which nothing depends on the content.
    """
    layers = []
    for name in bands:
        band = image.band(name)
        assert band is not None, name
        shade = _decibel if name in ("VV", "VH") else _reflectance
        layers.append(shade(band, settings))
    picture = np.dstack(layers * (3 if len(layers) == 1 else 1))
    picture[~image.valid] = 0
    return picture


def _reflectance(band: NDArray[np.float32], settings: Settings) -> Bytes:
    share = np.sqrt(np.clip(np.nan_to_num(band) / settings.chip_reflectance_max, 0.0, 1.0))
    return np.asarray(np.round(share * 255.0), np.uint8)


def _decibel(power: NDArray[np.float32], settings: Settings) -> Bytes:
    decibel = 10.0 * np.log10(np.maximum(np.nan_to_num(power), 1e-6))
    share = (decibel - settings.chip_db_min) / (settings.chip_db_max - settings.chip_db_min)
    return np.asarray(np.round(np.clip(share, 0.0, 1.0) * 255.0), np.uint8)


def _draw_outline(
    picture: Bytes,
    outline_px: Sequence[float],
    zoom: float,
    origin: tuple[float, float],
    colour: Colour,
) -> None:
    corners = np.asarray(outline_px, np.float64).reshape(-1, 2)
    rows, cols = (corners[:, 0] - origin[0]) * zoom, (corners[:, 1] - origin[1]) * zoom
    points = np.stack([cols, rows], axis=1).round().astype(np.int32)
    cv2.polylines(picture, [points], True, colour, 1, cv2.LINE_AA)


def _draw_scale(picture: Bytes, bar_px: float, settings: Settings) -> None:
    height = picture.shape[0]
    left, y = 12, height - 14
    right = left + round(bar_px)
    cv2.line(picture, (left, y), (right, y), _INK, 2)
    for x in (left, right):
        cv2.line(picture, (x, y - 4), (x, y + 4), _INK, 2)
    text = f"{settings.chip_scale_bar_m:g} m"
    cv2.putText(picture, text, (left, y - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)


def _draw_north(picture: Bytes, convergence_deg: float) -> None:
    """An arrow to true north: grid north is up, and true north lies the convergence off it."""
    tail = np.array([picture.shape[1] - 22.0, 44.0])
    angle = math.radians(-convergence_deg)
    head = tail + 28.0 * np.array([math.sin(angle), -math.cos(angle)])
    ends = [(round(float(x)), round(float(y))) for x, y in (tail, head)]
    cv2.arrowedLine(picture, ends[0], ends[1], _INK, 2, cv2.LINE_AA, tipLength=0.35)
    place = (ends[0][0] - 5, ends[0][1] + 14)
    cv2.putText(picture, "N", place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)


def png(picture: Bytes) -> bytes:
    """A (height, width, 3) or (height, width, 4) picture as the bytes of a PNG."""
    done, encoded = cv2.imencode(".png", picture)
    assert done, "PNG encoding of an 8-bit picture cannot fail"
    return encoded.tobytes()


def _publish(path: Path, picture: Bytes) -> None:
    with whole_file(path) as stream:
        stream.write(png(picture))
