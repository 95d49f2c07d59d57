"""What arrives night by night: a simulated month, served by an archive and laid into a folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.fetch.provider import Archive

ROOT = Path(__file__).parents[2]
FIRST = datetime(2024, 3, 1, tzinfo=UTC)
HOUR_UTC = 3
SITES = ("demo-alder", "demo-hazel")
COLLECTION = "drill"
SEASON: dict[str, Any] = {
    "name": "drill",
    "title": "A month at two invented ports",
    "sites": "sites/drill.geojson",
    "executor": "serial",  # a night has two scenes: starting workers would take longer
    "scene": {"coastline": "site"},
    "detect": {"models": {"S2": "cfar", "S1": "cfar"}},
}
FLEET = {"n_dark_tankers": 3, "n_honest_tankers": 2, "n_cargo": 4, "n_small_craft": 2}


def night_time(number: int) -> datetime:
    """When the night after day `number` begins; the first is 1."""
    return FIRST + timedelta(days=number, hours=HOUR_UTC)


def write_config(folder: Path, nights: int, **changes: Any) -> Path:
    """A configuration beside its own sites."""
    sites = json.loads((ROOT / "configs/sites/demo.geojson").read_text())
    sites["features"] = [
        one for one in sites["features"] if one["properties"]["site_id"] in SITES
    ]  # fmt: skip
    (folder / "sites").mkdir(parents=True, exist_ok=True)
    (folder / "sites/drill.geojson").write_text(json.dumps(sites))
    period = {"start": FIRST.isoformat(), "end": (FIRST + timedelta(days=nights + 1)).isoformat()}
    config = folder / "drill.yaml"
    config.write_text(yaml.safe_dump({**SEASON, "period": period, **changes}, sort_keys=False))
    return config


def simulate(folder: Path, nights: int) -> Path:
    """The month's scenes and AIS files, once; what is done of it already is not done again."""
    config = write_config(
        folder, nights, workspace="workspace",
        simulate={"n_days": nights, "start": FIRST.isoformat(), **FLEET},
    )  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "pipeline", "fetch", "--config", str(config)],
        check=True, cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return folder / "workspace/simulate"


@dataclass
class Deliveries:
    """What has been delivered by which day, and what is held back."""

    archive: Archive
    inbox: Path
    """Folder that AIS files are laid into."""
    scenes: Sequence[Mapping[str, Any]]
    """STAC items as the archive serves them."""
    ais: Sequence[Path]
    held: dict[str, int] = field(default_factory=dict)
    """Night in which a thing arrives that would have come earlier, by name."""

    @staticmethod
    def of(season: Path, archive: Archive, inbox: Path) -> Deliveries:
        """From a simulated month; pixels are copied to where the archive serves them from."""
        items = []
        for folder in sorted(season.glob("scene-*")):
            (described,) = folder.glob("S[12]*.json")
            item = json.loads(described.read_text())
            for asset in item["assets"].values():
                name = Path(asset["href"]).name
                shutil.copy(folder / name, archive.folder / name)
                asset["href"] = f"{archive.url}/cog/{name}"
            items.append({**item, "collection": COLLECTION})
        inbox.mkdir(parents=True)
        files = sorted(season.glob("ais-*/*.csv"))
        return Deliveries(archive=archive, inbox=inbox, scenes=items, ais=files)

    def new_scenes(self, night: int) -> list[str]:
        """Ids of scenes that arrive in a night."""
        return [str(item["id"]) for item in self.scenes if self._arrives(item) == night]

    def new_files(self, night: int) -> list[Path]:
        """AIS files that arrive in a night: the whole day before it."""
        return [path for path in self.ais if self._comes(path) == night]

    def deliver(self, night: int) -> None:
        """Everything that has arrived by a night is there."""
        self.archive.items[:] = [dict(item) for item in self.scenes if self._arrives(item) <= night]
        for path in self.ais:
            if self._comes(path) <= night:
                shutil.copy(path, self.inbox / self.name(path))

    @staticmethod
    def name(path: Path) -> str:
        """Of an AIS file in the inbox."""
        return f"{path.parent.name}.csv"

    def _arrives(self, item: Mapping[str, Any]) -> int:
        sensed = datetime.fromisoformat(item["properties"]["datetime"].replace("Z", "+00:00"))
        usual = (sensed - FIRST - timedelta(hours=HOUR_UTC)).days + 1
        return max(1, usual, self.held.get(str(item["id"]), 0))

    def _comes(self, path: Path) -> int:
        day = datetime.fromisoformat(path.parent.name[-10:]).replace(tzinfo=UTC)
        return max((day - FIRST).days + 1, self.held.get(self.name(path), 0))
