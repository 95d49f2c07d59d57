"""Hold what is installed and locked against two lists: licences that fit, and holes that are known.

Licences: every installed package must have one that `licences.yaml` allows, with its reason there.
Holes: every pin of the lock is asked of an advisory service. A service that does not answer, or
does not know a package, has found nothing out, and that is said: it is never counted as a pass.

Ends with 0: all is well; 4: a licence or a hole, named; 75: nothing bad was found, but some or all
advisories could not be asked; 2: a file cannot be read.

Example: python scripts/supply/check_deps.py --service osv
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from license_expression import ExpressionError, get_spdx_licensing
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
RULES = Path(__file__).with_name("licences.yaml")
LOCK = ROOT / "requirements.lock"
DONE, UNREADABLE, BAD, NOT_CHECKED = 0, 2, 4, 75
AUDIT_S = 900.0
"""Some 240 pins, each asked on its own."""
SPDX = get_spdx_licensing()


# ------------------------------------------------------------------------------------ licences


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed package, and the licence its metadata name."""

    name: str
    version: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`licences.yaml`."""

    same_as: Mapping[str, str]
    allowed: Mapping[str, str]
    packages: Mapping[str, Mapping[str, str]]
    exceptions: Mapping[str, Mapping[str, Any]]

    @staticmethod
    def read(path: Path = RULES) -> Rules:
        """From the file; a key that is unknown or missing is a TypeError."""
        return Rules(**yaml.safe_load(path.read_text(encoding="utf-8")))

    def licence(self, package: Package) -> str:
        """The package's licence as an SPDX expression, or as its metadata say it."""
        named = self.packages.get(canonicalize_name(package.name))
        if named is not None:
            return named["licence"]
        for licence, exception in self.exceptions.items():
            if package.said in exception["words"]:
                return licence
        # Several classifiers may be a choice or a sum: read as a sum, all of them must fit.
        parts = [self.same_as.get(part, part) for part in package.said.split("; ")]
        return " AND ".join(dict.fromkeys(parts))

    def fits(self, package: Package, licence: str) -> bool:
        """May the package stand in a program under AGPL-3.0-or-later?"""
        exception = self.exceptions.get(licence)
        if exception is not None:
            return canonicalize_name(package.name) in exception["packages"]
        try:
            tree = SPDX.parse(licence)
        except ExpressionError:
            return False
        return tree is not None and self._fits(tree)

    def _fits(self, tree: Any) -> bool:
        if isinstance(tree, SPDX.AND):
            return all(self._fits(part) for part in tree.args)
        if isinstance(tree, SPDX.OR):
            return any(self._fits(part) for part in tree.args)
        return str(tree) in self.allowed


def installed() -> list[Package]:
    """Every package beside this Python, pip and setuptools too; Darkcall itself left out."""
    told = subprocess.run(
        [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--with-system"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = [
        Package(name=one["Name"], version=one["Version"], said=one["License"])
        for one in json.loads(told)
    ]
    return [one for one in found if one.name != "darkcall"]


def licence_faults(packages: Iterable[Package], rules: Rules) -> list[str]:
    """What does not fit, a line a package."""
    faults = []
    for package in packages:
        licence = rules.licence(package)
        if not rules.fits(package, licence):
            faults.append(f"{package.name} {package.version}: {licence} (said: {package.said})")
    return faults


def print_licences(packages: Sequence[Package], rules: Rules) -> None:
    """The table: a licence, how many packages, which."""
    table: dict[str, list[str]] = defaultdict(list)
    for package in packages:
        table[rules.licence(package)].append(package.name)
    for licence, names in sorted(table.items(), key=lambda row: (-len(row[1]), row[0])):
        print(f"{len(names):>4}  {licence}: {', '.join(sorted(names, key=str.lower))}")


# ---------------------------------------------------------------------------------- advisories


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an advisory service said."""

    holes: tuple[str, ...] = ()
    n_asked: int = 0
    n_unknown: int = 0
    why_unknown: str = ""

    @property
    def code(self) -> int:
        """The exit code it deserves."""
        if self.holes:
            return BAD
        return NOT_CHECKED if self.n_unknown or not self.n_asked else DONE


def audit(lock: Path, *, service: str, osv_url: str | None, timeout_s: int) -> Audit:
    """Ask an advisory service of every pin."""
    command = [
        sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip",
        "--format=json", "--progress-spinner=off", f"--timeout={timeout_s}",
        f"--vulnerability-service={service}",
    ]  # fmt: skip
    if osv_url is not None:
        command.append(f"--osv-url={osv_url}")
    try:
        told = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=AUDIT_S
        )
    except subprocess.TimeoutExpired:
        return Audit(why_unknown=f"no answer within {AUDIT_S:.0f} s")
    try:
        return heard(json.loads(told.stdout)["dependencies"])
    except (ValueError, KeyError, TypeError):
        last = told.stderr.strip().splitlines() or ["no answer"]
        return Audit(why_unknown=last[-1])


def heard(dependencies: Sequence[Mapping[str, Any]]) -> Audit:
    """pip-audit's report: it calls a package that it could not ask about `skipped`, and passes."""
    skipped = [one["skip_reason"] for one in dependencies if "skip_reason" in one]
    holes = [
        f"{one['name']} {one['version']}: {hole['id']}, {_mended(hole)}"
        for one in dependencies
        for hole in one.get("vulns", ())
    ]
    return Audit(
        holes=tuple(holes),
        n_asked=len(dependencies),
        n_unknown=len(skipped),
        why_unknown=skipped[0] if skipped else "",
    )


def _mended(hole: Mapping[str, Any]) -> str:
    versions = ", ".join(hole.get("fix_versions", ()))
    return f"mended in {versions}" if versions else "not mended yet"


def print_audit(found: Audit) -> None:
    """What was asked, and what was not."""
    n_told = found.n_asked - found.n_unknown
    print(f"{n_told} of {found.n_asked} pins were checked, {len(found.holes)} known holes")
    if found.code == NOT_CHECKED or found.n_unknown:
        print(f"NOT CHECKED: {found.n_unknown or 'all'} pins ({found.why_unknown})")
    for hole in found.holes:
        print(f"HOLE {hole}")


# -------------------------------------------------------------------------------------- both


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--lock", type=Path, default=LOCK, help="whose pins are asked about")
    parser.add_argument("--rules", type=Path, default=RULES, help="which licences fit")
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi")
    parser.add_argument("--osv-url", help="where a mirror of the OSV service answers")
    parser.add_argument("--timeout-s", type=int, default=15, help="of one question")
    parser.add_argument("--skip-advisories", action="store_true", help="licences alone")
    parser.add_argument("--skip-licences", action="store_true", help="advisories alone")
    asked = parser.parse_args()
    try:
        rules = Rules.read(asked.rules)
        lock = asked.lock.resolve(strict=True)
    except (OSError, TypeError, yaml.YAMLError) as error:
        print(f"check_deps: {error}", file=sys.stderr)
        return UNREADABLE
    codes = []
    if not asked.skip_licences:
        codes.append(_licences(rules))
    if not asked.skip_advisories:
        codes.append(_advisories(lock, asked))
    return max(codes, key=(DONE, NOT_CHECKED, BAD).index, default=NOT_CHECKED)


def _licences(rules: Rules) -> int:
    packages = installed()
    print(f"== Licences of {len(packages)} packages", flush=True)
    print_licences(packages, rules)
    faults = licence_faults(packages, rules)
    for fault in faults:
        print(f"NOT ALLOWED {fault}")
    return BAD if faults else DONE


def _advisories(lock: Path, asked: argparse.Namespace) -> int:
    print("== Known holes of what the lock pins", flush=True)
    found = audit(lock, service=asked.service, osv_url=asked.osv_url, timeout_s=asked.timeout_s)
    print_audit(found)
    return found.code


if __name__ == "__main__":
    sys.exit(main())
