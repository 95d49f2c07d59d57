"""Write the bill of materials: installed packages, models' weights, libraries in the tree.

CycloneDX 1.6 as JSON. The same packages and models give the same bytes: it has no time and no
serial number. It is refused where the installed packages are not those that the lock pins, or a
file of weights is not the one described: a bill of something else would be worse than none.

Ends with 0: written, valid; 4: it would not be true or not valid, and why; 2: a file is missing.

Example: python scripts/supply/write_sbom.py --out build/sbom.cdx.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).parents[2]))

from pipeline.errors import DarkcallError
from pipeline.model import Model, checked_file, read_model
from pipeline.whole_files import sha256_of

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "sbom.cdx.json"
LOCK = ROOT / "requirements.lock"
MODELS = ROOT / "models"
LEAFLET = ROOT / "pipeline" / "desk" / "static" / "leaflet" / "leaflet.js"
DONE, MISSING, UNTRUE = 0, 2, 4
OWN_LICENCE = "AGPL-3.0-or-later"
PIN = re.compile(r"^[A-Za-z0-9].*?(?= \\$|$)", re.MULTILINE)


class Untrue(Exception):
    """The bill would say what is not so."""


def packages_here() -> dict[str, Any]:
    """The bill of the packages beside this Python, as cyclonedx-bom writes it."""
    told = subprocess.run(  # noqa: S603  every word of it stands here
        [
            sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible",
            "--no-validate", "--sv", "1.6", "--pyproject", str(ROOT / "pyproject.toml"),
            sys.executable,
        ],
        capture_output=True, text=True, check=True,
        env={name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"},
    ).stdout  # fmt: skip
    bill: dict[str, Any] = json.loads(told)
    return bill


def pins(lock: str) -> dict[str, str]:
    """The version of each package that the lock pins for this machine."""
    found = {}
    for line in PIN.findall(lock):
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate():
            found[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    return found


def differences(bill: Mapping[str, Any], pinned: Mapping[str, str]) -> list[str]:
    """Installed packages that the lock does not pin, or pins at another version.

    pip and setuptools stand in every environment, before anything is installed into it.
    """
    return [
        f"{one['name']} {one['version']} is installed, the lock pins {pinned.get(name, 'none')}"
        for one in bill["components"]
        if (name := canonicalize_name(one["name"])) not in ("pip", "setuptools")
        and pinned.get(name) != one["version"]
    ]


def model_component(model: Model) -> dict[str, Any]:
    """A model and its files of weights, each hash reckoned now and held against the description.

    Raises:
        UsageError: a file is missing, or is not the one described.
    """
    told = model.description
    files = [told.weights, *(fold.weights for fold in told.folds)]
    described = {one.file: one.sha256 for one in files}
    if told.openvino is not None and told.openvino_xml_sha256 is not None:
        described[told.openvino.file] = told.openvino.sha256
        described[Path(told.openvino.file).with_suffix(".xml").name] = told.openvino_xml_sha256
    for name, sha256 in described.items():
        checked_file(model.folder / name, sha256)
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{told.name}",
        "name": f"darkcall-{told.name}",
        "version": str(told.version),
        "description": f"Finds hulls in {told.sensor} images ({', '.join(told.bands)})",
        "hashes": [_hash(told.weights.sha256)],
        "licenses": [_licence(OWN_LICENCE)],
        "components": [
            {
                "type": "file",
                "bom-ref": f"model:{told.name}/{name}",
                "name": name,
                "hashes": [_hash(sha256)],
            }
            for name, sha256 in sorted(described.items())
        ],
    }


def leaflet_component(script: Path) -> dict[str, Any]:
    """The one library that lies in the tree itself.

    Raises:
        Untrue: the script does not say which version it is.
    """
    said = re.match(r"/\* @preserve\s+\* Leaflet (\d+\.\d+\.\d+),", script.read_text("utf-8"))
    if said is None:
        raise Untrue(f"{script.name} does not say which Leaflet it is")
    return {
        "type": "library",
        "bom-ref": f"leaflet@{said.group(1)}",
        "name": "leaflet",
        "version": said.group(1),
        "purl": f"pkg:npm/leaflet@{said.group(1)}",
        "hashes": [_hash(sha256_of(script))],
        "licenses": [_licence("BSD-2-Clause")],
    }


def _hash(sha256: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": sha256}


def _licence(spdx: str) -> dict[str, Any]:
    return {"license": {"id": spdx, "acknowledgement": "declared"}}


def completed(bill: dict[str, Any], more: Iterable[Mapping[str, Any]], lock: bytes) -> str:
    """The bill with components of our own and the lock's hash, as text, one way to write it."""
    more = list(more)
    root = bill["metadata"]["component"]["bom-ref"]
    for one in bill["dependencies"]:
        if one["ref"] == root:
            one["dependsOn"] = sorted(
                {*one.get("dependsOn", ()), *(add["bom-ref"] for add in more)}
            )
    bill["components"] = sorted(
        [*bill.get("components", ()), *more], key=lambda one: one["bom-ref"]
    )
    bill["dependencies"] = sorted(
        [*bill["dependencies"], *({"ref": add["bom-ref"]} for add in more)],
        key=lambda one: one["ref"],
    )
    bill["metadata"].setdefault("properties", []).append(
        {"name": "darkcall:lock:sha256", "value": hashlib.sha256(lock).hexdigest()}
    )
    return json.dumps(bill, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def check_valid(text: str) -> None:
    """Held against CycloneDX's own schema.

    Raises:
        Untrue: it does not follow the schema.
    """
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault is not None:
        raise Untrue(f"no valid CycloneDX 1.6: {fault!r}"[:500])


def models_in(folder: Path) -> Iterator[Model]:
    """Every described model, in the order of their names."""
    for description in sorted(folder.glob("*/model.yaml")):
        yield read_model(description.parent)


def write_sbom(out: Path) -> dict[str, Any]:
    """The file, written under its name once it is whole and valid; returns what it says."""
    lock = LOCK.read_bytes()
    bill = packages_here()
    wrong = differences(bill, pins(lock.decode()))
    if wrong:
        raise Untrue("; ".join(wrong))
    own = [leaflet_component(LEAFLET), *(model_component(one) for one in models_in(MODELS))]
    text = completed(bill, own, lock)
    check_valid(text)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(out)
    return bill


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=OUT, help="file to write")
    asked = parser.parse_args()
    try:
        bill = write_sbom(asked.out)
    except (Untrue, DarkcallError) as error:
        print(f"write_sbom: {error}. Run `make install`, or restore the file", file=sys.stderr)
        return UNTRUE
    except OSError as error:
        print(f"write_sbom: {error}", file=sys.stderr)
        return MISSING
    kinds = [one["type"] for one in bill["components"]]
    told = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    print(f"{asked.out}: {told}; sha256 {sha256_of(asked.out)}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
