"""SAFE products as archives hand them out: zipped. What is used of them is unpacked once."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from pipeline.errors import BadInput

USED = re.compile(
    r"MTD_MSIL(1C|2A)\.xml|GRANULE/[^/]+/MTD_TL\.xml"
    r"|GRANULE/[^/]+/IMG_DATA/(R10m/)?[^/]+_B(02|03|04|08)(_10m)?\.jp2"
    r"|manifest\.safe|annotation/[^/]+\.xml|annotation/calibration/[^/]+\.xml"
    r"|measurement/[^/]+\.tiff?"
)
"""Paths below the product's folder."""
MAX_BYTES = 8_000_000_000
"""Unpacked: a Sentinel-1 GRD has 1.8 GB, the 10 m bands of a Sentinel-2 product 0.5 GB."""
CHUNK_BYTES = 1 << 20


def unpacked(path: Path, into: Path) -> Path:
    """The SAFE folder inside a zip file, unpacked below `into` unless it is there already.

    Raises:
        BadInput: no zip file, damaged, no SAFE product in it, or larger than any product.
    """
    state = path.stat()
    digest = hashlib.sha256(f"{path.resolve()} {state.st_size} {state.st_mtime_ns}".encode())
    home = into / digest.hexdigest()[:16]
    try:
        with zipfile.ZipFile(path) as archive:
            product = _product(archive, path)
            if not (home / product).is_dir():
                into.mkdir(parents=True, exist_ok=True)
                _unpack(archive, product, home, path)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise BadInput(
            "Zip file is damaged or not one that is read",
            where=path.name,
            found=" ".join(str(error).split()),
            do="Fetch it again",
        ) from None
    return home / product


def _product(archive: zipfile.ZipFile, path: Path) -> str:
    tops = {PurePosixPath(name).parts[0] for name in archive.namelist() if name.strip("/")}
    products = sorted(top for top in tops if re.fullmatch(r"[A-Za-z0-9_]+\.SAFE", top))
    if len(products) != 1:
        raise BadInput(
            "Zip file holds no SAFE product",
            where=path.name,
            expected="one folder that ends with .SAFE",
            found=sorted(tops)[:5],
            do="Unpack it, or remove it",
        )
    return products[0]


def _unpack(archive: zipfile.ZipFile, product: str, home: Path, path: Path) -> None:
    """Into a folder beside, published by one rename; sizes are counted, not believed."""
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=home.parent))
    left = MAX_BYTES
    try:
        for entry in archive.infolist():
            inner = entry.filename.removeprefix(f"{product}/")
            if inner == entry.filename or not USED.fullmatch(inner):
                continue
            target = part / product / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("xb") as sink:
                while chunk := source.read(CHUNK_BYTES):
                    left -= len(chunk)
                    if left < 0:
                        raise BadInput(
                            "Zip file unpacks to more than any product has",
                            where=path.name,
                            expected=f"at most {MAX_BYTES / 1e9:.0f} GB",
                        )
                    sink.write(chunk)
        shutil.rmtree(home, ignore_errors=True)
        part.rename(home)
    except FileExistsError:
        raise BadInput("Zip file names one file twice", where=path.name) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
