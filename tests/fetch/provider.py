"""A STAC API and its COGs on loopback, over real HTTP, with the faults that real ones have."""

from __future__ import annotations

import io
import json
import random
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import rasterio
import shapely
import tifffile
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.warp import reproject
from shapely.geometry import mapping, shape

CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#fields",
]
BANDS = {"blue": 0.04, "green": 0.05, "red": 0.06, "nir": 0.09}
OFFSET_DN = 1000
PASSING = (None, "slow", "truncated")
"""Faults of an answer that is one."""


@dataclass
class Archive:
    """What the server holds, how it misbehaves, and what it was asked."""

    folder: Path
    items: list[dict[str, Any]] = field(default_factory=list)
    page: int = 2
    fault: Callable[[str, int], str | None] = lambda _path, _count: None
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
    asked: Counter[str] = field(default_factory=Counter)
    sent_bytes: int = 0
    url: str = ""
    secret: str = "not-for-logs"
    token_life_s: int = 600
    bytes_a_second: float | None = None
    """Of one connection; None: as fast as loopback is."""
    line_bytes_a_second: float | None = None
    """Of all connections together."""
    line_free_at: float = 0.0
    signature: str | None = None
    """Where it is set, COGs are open to signed addresses only."""
    tokens: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    warping: threading.Lock = field(default_factory=threading.Lock)
    """rasterio silences warnings by a switch that all threads share."""

    def add(self, crs: str, left: float, top: float, at: datetime, **changes: Any) -> dict:
        """A tile of 230 × 310 pixels, its four bands, and its item.

        `cloud`: (top, bottom, left, right) pixels of 10 m that the scene classification, at 20 m,
        calls cloud though the bands show none; without it there is no classification.
        """
        number = len(self.items)
        name = changes.pop("id", f"S2A_{crs[-5:]}_{at:%Y%m%dT%H%M%S}_{number}")
        shape_px = changes.pop("shape", (230, 310))
        rng = np.random.default_rng(changes.pop("seed", number))
        transform = Affine(10, 0, left, 0, -10, top)
        cloud = changes.pop("cloud", None)
        assets = {}
        for band, level in BANDS.items():
            pixels = rng.normal(level, 0.003, shape_px) * 10_000 + OFFSET_DN
            pixels[:12, :12] = 0
            path = self.folder / f"{name}_{band}.tif"
            profile = {
                "driver": "COG", "dtype": "uint16", "count": 1, "height": shape_px[0],
                "width": shape_px[1], "crs": crs, "transform": transform, "nodata": 0,
                "compress": "DEFLATE", "blocksize": 128,
            }  # fmt: skip
            with rasterio.open(path, "w", **profile) as dataset:
                dataset.write(pixels.astype(np.uint16), 1)
            facts = {"nodata": 0, "scale": 1e-4, "offset": -0.1}
            assets[band] = {"href": f"{self.url}/cog/{path.name}", "raster:bands": [facts]}
        if cloud is not None:
            path = self.folder / f"{name}_scl.tif"
            above, below, first, last = (value // 2 for value in cloud)
            classes = np.full((shape_px[0] // 2, shape_px[1] // 2), 6, np.uint8)
            classes[above:below, first:last] = 9
            profile |= {"dtype": "uint8", "height": classes.shape[0], "width": classes.shape[1],
                        "transform": Affine(20, 0, left, 0, -20, top)}  # fmt: skip
            with rasterio.open(path, "w", **profile) as dataset:
                dataset.write(classes, 1)
            assets["scl"] = {"href": f"{self.url}/cog/{path.name}"}
        assets["thumbnail"] = {"href": f"{self.url}/thumb.jpg"}
        right, bottom = left + 10 * shape_px[1], top - 10 * shape_px[0]
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        footprint = shapely.Polygon([to_degrees.transform(*corner) for corner in corners])
        properties = {
            "datetime": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "platform": "sentinel-2a",
            "s2:processing_baseline": "05.10",
            "s2:product_uri": f"{name}.SAFE",
            "sat:relative_orbit": 46,
            "grid:code": f"MGRS-{number}",
            **changes,
        }
        item = {
            "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "sentinel-2-l2a",
            "darkcall:file": name, "geometry": mapping(footprint), "bbox": list(footprint.bounds),
            "properties": properties, "links": [], "assets": assets,
        }  # fmt: skip
        self.items.append(item)
        return item


def five_percent(seed: int) -> Callable[[str, int], str | None]:
    """Faults by chance, of every kind, in one answer of twenty."""
    rng = random.Random(seed)
    kinds = ("500", "503", "429", "truncated", "slow")
    return lambda _path, _count: rng.choice(kinds) if rng.random() < 0.05 else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as real servers have it; else each answer waits 40 ms
    archive: Archive

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        text = self.rfile.read(length)
        form = "urlencoded" in self.headers.get("Content-Type", "")
        body = dict(parse_qsl(text.decode())) if form else json.loads(text or b"{}")
        self._answer(with_body=True, asked=body)

    def _answer(self, *, with_body: bool, asked: dict[str, Any] | None = None) -> None:
        archive = self.archive
        path = self.path.split("?", 1)[0]
        with archive.lock:
            archive.asked[path] += 1
            fault = archive.fault(path, archive.asked[path])
        if fault in PASSING or not self._failed(fault, with_body):
            self._served(path, asked, with_body, fault)

    def _failed(self, fault: str, with_body: bool) -> bool:
        """Send what is no answer; False where the fault is of another kind."""
        status, content, kind, extra = 0, b"fault", "text/plain", {}
        if fault == "hang up":
            self.close_connection = True
            return True
        if fault.isdigit():
            status, extra = int(fault), {"Retry-After": "0"} if fault == "429" else {}
        elif fault.startswith("302 "):
            status, extra = 302, {"Location": fault[4:]}
        elif fault == "html":
            status, content, kind = 200, b"<html>sign in</html>", "text/html"
        if status:
            self._send(status, content, kind, with_body, extra)
        return bool(status)

    def _served(
        self, path: str, asked: dict[str, Any] | None, with_body: bool, fault: str | None
    ) -> None:
        archive = self.archive
        if fault == "slow":
            time.sleep(0.3)
        if path == "/sign":
            href = dict(parse_qsl(self.path.split("?", 1)[1]))["href"]
            content = json.dumps({"href": f"{href}?sig={archive.signature}"}).encode()
            return self._send(200, content, "application/json", with_body)
        if path.startswith("/cog/") and archive.signature is not None:
            asked_with = dict(parse_qsl(self.path.partition("?")[2]))
            if asked_with.get("sig") != archive.signature:
                return self._send(403, b"unsigned", "text/plain", with_body)
        if path.startswith("/cog/"):
            return self._file(archive.folder / Path(path).name, with_body, fault)
        if path == "/token":
            return self._token(asked or {}, with_body)
        if path.startswith("/api/v1/"):
            return self._sentinel_hub(path, asked or {}, with_body, fault)
        document = self._document(path, asked)
        if document is None:
            return self._send(404, b"", "text/plain", with_body)
        content = json.dumps(archive.change(document)).encode()
        if fault == "truncated":
            content = content[: len(content) // 2]
        return self._send(200, content, "application/json", with_body)

    def _token(self, asked: dict[str, Any], with_body: bool) -> None:
        archive = self.archive
        if asked.get("client_secret") != archive.secret:
            refused = json.dumps({"error": "invalid_client", "error_description": "no"}).encode()
            return self._send(401, refused, "application/json", with_body)
        token = f"token-{len(archive.tokens)}"
        archive.tokens[token] = time.time() + archive.token_life_s
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": archive.token_life_s}
        return self._send(200, json.dumps(answer).encode(), "application/json", with_body)

    def _sentinel_hub(
        self, path: str, asked: dict[str, Any], with_body: bool, fault: str | None
    ) -> None:
        """Catalog and Process API, for a token that is still good."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.archive.tokens.get(token, 0.0) < time.time():
            return self._send(401, b"{}", "application/json", with_body)
        if path.endswith("/search"):
            page = self._found({**asked, "token": asked.get("next", 0)})
            after = [link["body"]["token"] for link in page["links"]]
            page |= {"links": [], "context": {"next": int(after[0])} if after else {}}
            content = json.dumps(self.archive.change(page)).encode()
            kind = "application/json"
        else:
            with self.archive.warping:
                content, kind = _processed(self.archive, asked), "application/tar"
        length = len(content)
        if fault == "truncated":
            content = content[: length // 2]
        return self._send(200, content, kind, with_body)

    def _document(self, path: str, asked: dict[str, Any] | None) -> dict[str, Any] | None:
        url = self.archive.url
        if path == "/":
            search = {"rel": "search", "type": "application/geo+json", "href": f"{url}/search"}
            links = [
                {"rel": "self", "href": f"{url}/"},
                {"rel": "root", "href": f"{url}/"},
                {**search, "method": "GET"},
                {**search, "method": "POST"},
            ]
            return {"type": "Catalog", "id": "loopback", "stac_version": "1.0.0",
                    "description": "tiles", "conformsTo": CONFORMS, "links": links}  # fmt: skip
        if path == "/search" and asked is not None:
            return self._found(asked)
        return None

    def _found(self, asked: dict[str, Any]) -> dict[str, Any]:
        start, end = (datetime.fromisoformat(t.replace("Z", "+00:00"))
                      for t in asked["datetime"].split("/"))  # fmt: skip
        area = shape(asked["intersects"])
        matching = [
            item
            for item in self.archive.items
            if start <= datetime.fromisoformat(item["properties"]["datetime"]) <= end
            and shape(item["geometry"]).intersects(area)
            and item["collection"] in asked["collections"]
        ]
        first = int(asked.get("token", 0))
        last = first + min(self.archive.page, int(asked.get("limit", 10)))
        links = []
        if last < len(matching):
            links = [{"rel": "next", "href": f"{self.archive.url}/search", "method": "POST",
                      "body": {**asked, "token": str(last)}}]  # fmt: skip
        return {"type": "FeatureCollection", "features": matching[first:last], "links": links}

    def _file(self, path: Path, with_body: bool, fault: str | None) -> None:
        if not path.is_file():
            return self._send(404, b"", "text/plain", with_body)
        content = path.read_bytes()
        size, status, extra = len(content), 200, {"Accept-Ranges": "bytes"}
        asked = self.headers.get("Range")
        if asked and with_body:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or size - 1), size - 1)
            content, status = content[start : stop + 1], 206
            extra["Content-Range"] = f"bytes {start}-{stop}/{size}"
        length = len(content)
        if fault == "truncated":
            content = content[: length // 2]
        return self._send(status, content, "image/tiff", with_body, extra, length=length)

    def _write(self, content: bytes) -> None:
        """All at once, or at the pace of a real archive's connection."""
        archive = self.archive
        rate, line = archive.bytes_a_second, archive.line_bytes_a_second
        step = len(content) if rate is None and line is None else 16_384
        for start in range(0, len(content), max(step, 1)):
            part = content[start : start + step]
            if rate is not None:
                time.sleep(len(part) / rate)
            if line is not None:
                with archive.lock:
                    begins = max(time.monotonic(), archive.line_free_at)
                    archive.line_free_at = begins + len(part) / line
                time.sleep(max(0.0, archive.line_free_at - time.monotonic()))
            self.wfile.write(part)

    def _send(
        self,
        status: int,
        content: bytes,
        kind: str,
        with_body: bool,
        extra: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self._write(content)
            with self.archive.lock:
                self.archive.sent_bytes += len(content)
        if length is not None and length != len(content):
            self.close_connection = True


def _processed(archive: Archive, asked: dict[str, Any]) -> bytes:
    """The tiles that fall into the window of time, on the grid asked for, as a TAR of two TIFFs."""
    data = asked["input"]["data"][0]
    span = data["dataFilter"]["timeRange"]
    start, end = (datetime.fromisoformat(span[k].replace("Z", "+00:00")) for k in ("from", "to"))
    west, south, east, north = asked["input"]["bounds"]["bbox"]
    crs = "EPSG:" + asked["input"]["bounds"]["properties"]["crs"].rsplit("/", 1)[1]
    width, height = asked["output"]["width"], asked["output"]["height"]
    assert max(width, height) <= 2500
    radar = data["type"] == "sentinel-1-grd"
    if radar:
        processing = data["processing"]
        assert (processing["orthorectify"], processing["backCoeff"]) == (True, "SIGMA0_ELLIPSOID")
    else:
        assert data["processing"]["harmonizeValues"] is False
    transform = Affine((east - west) / width, 0, west, 0, -(north - south) / height, north)
    out = np.zeros((4, height, width), np.uint16)
    classes = np.full((height, width), 6, np.uint16)
    for item in archive.items:
        if start <= datetime.fromisoformat(item["properties"]["datetime"]) <= end:
            for number, band in enumerate(BANDS):
                path = archive.folder / f"{item['darkcall:file']}_{band}.tif"
                layer = np.zeros((height, width), np.uint16)
                with rasterio.open(path) as tile:
                    reproject(rasterio.band(tile, 1), layer, dst_transform=transform, dst_crs=crs,
                              resampling=Resampling.nearest)  # fmt: skip
                out[number] = np.where(out[number] == 0, layer, out[number])
            path = archive.folder / f"{item['darkcall:file']}_scl.tif"
            if path.exists():
                with rasterio.open(path) as tile:
                    reproject(rasterio.band(tile, 1), classes, dst_transform=transform, dst_crs=crs,
                              resampling=Resampling.nearest)  # fmt: skip
    if '"SCL"' in asked["evalscript"]:
        assert data["type"] == "sentinel-2-l2a"
        out = np.concatenate([out, classes[None]])
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        bands = out[:2].astype(np.float32) / 10_000 if radar else out
        mask = (out[0] > 0).astype(np.uint8)
        for name, pixels in (("bands.tif", np.moveaxis(bands, 0, -1)), ("mask.tif", mask)):
            image = io.BytesIO()
            tifffile.imwrite(image, pixels)
            entry = tarfile.TarInfo(name)
            entry.size = len(image.getvalue())
            tar.addfile(entry, io.BytesIO(image.getvalue()))
    return stream.getvalue()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # the usual 5 drops connections that come together: a second each


class Serving:
    """The archive while it is served; `with` ends it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.archive = Archive(folder=folder)
        handler = type("Handler", (_Handler,), {"archive": self.archive})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.archive.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Archive:
        self._thread.start()
        return self.archive

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def days(first: datetime, count: int, step: int = 5) -> list[datetime]:
    """Times of passes."""
    return [first + timedelta(days=step * number) for number in range(count)]
