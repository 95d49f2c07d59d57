"""A data set on disk, as ultralytics reads it, with what it has no place for beside it.

dataset.yaml        ultralytics' description: path, train, names, channels
images/<name>.tif   multi-page TIFF, 8 bits a band: 200 × the stretched value, 0 no data
labels/<name>.txt   oriented boxes, one line a hull: class and four corners as shares of the sides
hulls.json          outlines, lengths, groups, ignored areas, where each label comes from
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from pipeline.errors import BadInput
from pipeline.learn.dataset import LabelledImage, water_of
from pipeline.learn.hulls import Floats, boxes_of

LEVELS = 200.0
"""8-bit levels per unit of the stretched value; 1.275 and more saturate."""
DESCRIPTION = "dataset.yaml"
HULLS = "hulls.json"
FORMAT = "darkcall-labels/2"
MAX_HULLS_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One image as a source labels it, before it is brought to the common form."""

    name: str
    """File name without ending, unique in the data set."""
    group: str
    """Port or scene: what a split may not divide."""
    data: NDArray[np.float32]
    """(bands, height, width) stretched, 0 where there are no data."""
    corners_px: Floats
    """(n, 4, 2) x, y of the hulls' oriented boxes, pixel-edge coordinates."""
    outlines: tuple[Floats, ...]
    """For each hull, (n, 2) x, y."""
    sources: tuple[str, ...]
    """For each hull, where the label comes from."""
    ignored: tuple[Floats, ...] = ()
    """Polygons, (n, 2) x, y, where labels cannot be trusted."""
    lengths_m: tuple[float | None, ...] = ()
    """For each hull, the length known from elsewhere (AIS); none at all where only drawn."""


def write_dataset(folder: Path, images: Sequence[Labelled], *, bands: tuple[str, ...]) -> None:
    """Write a data set; the description comes last, so that a half-written one is not read.

    Raises:
        BadInput: two images of one name, or none at all.
    """
    names = [image.name for image in images]
    if not images or len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise BadInput(
            "Nothing to write" if not images else "Two images of one name",
            where=folder,
            found=", ".join(twice[:5]) or None,
        )
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    for image in images:
        pages = np.clip(np.round(image.data * LEVELS), 0, 255).astype(np.uint8)
        if not cv2.imwritemulti(str(folder / "images" / f"{image.name}.tif"), list(pages)):
            raise OSError(f"{folder / 'images' / image.name}.tif could not be written")
        lines = _yolo_lines(image)
        (folder / "labels" / f"{image.name}.txt").write_text(lines, encoding="utf-8")
    document = {"format": FORMAT, "bands": bands, "images": [_described(one) for one in images]}
    (folder / HULLS).write_text(json.dumps(document, sort_keys=True), encoding="utf-8")
    description = {
        "path": ".",
        "train": "images",
        "val": "images",
        "names": {0: "ship"},
        "channels": len(bands),
    }
    (folder / DESCRIPTION).write_text(yaml.safe_dump(description), encoding="utf-8")


def _yolo_lines(image: Labelled) -> str:
    height, width = image.data.shape[1:]
    shares = image.corners_px / np.array([width, height])
    lines = [
        "0 " + " ".join(f"{value:.6f}" for value in np.clip(corners, 0.0, 1.0).ravel())
        for corners in shares
    ]
    return "".join(f"{line}\n" for line in lines)


def _described(image: Labelled) -> dict[str, Any]:
    def rounded(points: Floats) -> list[list[float]]:
        return [[round(float(x), 2), round(float(y), 2)] for x, y in points]

    lengths = image.lengths_m or (None,) * len(image.sources)
    hulls = [
        {
            "corners": rounded(corners),
            "outline": rounded(outline),
            "source": source,
            "length_m": length_m,
        }
        for corners, outline, source, length_m in zip(
            image.corners_px, image.outlines, image.sources, lengths, strict=True
        )
    ]
    return {
        "name": image.name,
        "group": image.group,
        "hulls": hulls,
        "ignored": [rounded(area) for area in image.ignored],
    }


def read_dataset(folder: Path, *, bands: tuple[str, ...], fill: float) -> list[LabelledImage]:
    """Labelled images in memory, in the order they were written.

    Args:
        folder: that `write_dataset` wrote.
        bands: that it must have.
        fill: stretched value that stands for no data.

    Raises:
        BadInput: no data set, of other bands, or a damaged one.
    """
    path = folder / HULLS
    try:
        if path.stat().st_size > MAX_HULLS_BYTES:
            raise BadInput("Labels are too large", where=path, expected="under 200 MB")
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT or tuple(document["bands"]) != bands:
            raise BadInput(
                "Data set is of another kind",
                where=path,
                expected=f"{FORMAT}, bands {' '.join(bands)}",
                found=f"{document['format']}, bands {' '.join(document['bands'])}",
            )
        return [_read_image(folder, one, len(bands), fill) for one in document["images"]]
    except FileNotFoundError:
        raise BadInput(
            "No data set there", where=folder, expected=HULLS, do="Make one with `darkcall label`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, cv2.error) as error:
        raise BadInput("Data set cannot be read", where=path, found=repr(error)[:200]) from None


def _read_image(folder: Path, described: dict[str, Any], bands: int, fill: float) -> LabelledImage:
    name = Path(str(described["name"])).name
    path = folder / "images" / f"{name}.tif"
    is_read, pages = cv2.imreadmulti(str(path), flags=cv2.IMREAD_UNCHANGED)
    if not is_read or len(pages) != bands:
        raise BadInput("Image of a data set cannot be read", where=path, expected=f"{bands} pages")
    data = np.stack(pages).astype(np.float32) / LEVELS
    outlines = [np.array(one["outline"], np.float64) for one in described["hulls"]]
    corners = np.array([one["corners"] for one in described["hulls"]], np.float64)
    present = np.array([bool((layer > 0).any()) for layer in data])
    water = water_of(data, outlines)
    data[present] = np.maximum(data[present], fill)
    return LabelledImage(
        name=name,
        group=str(described["group"]),
        data=data,
        fill=fill,
        present=present,
        water=water,
        boxes=boxes_of(corners.reshape(-1, 4, 2)),
        outlines=tuple(outlines),
        ignored=tuple(np.array(area, np.float64) for area in described["ignored"]),
        lengths_m=np.array([one["length_m"] for one in described["hulls"]], np.float64),
    )
