"""Writes one small file of each kept table as the version of today has it, and the golden list.

Run it once for each new version of a kept table: python -m tests.kept.write_fixtures
Files of versions that are released are never written again.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from pipeline import records
from pipeline.pruned import EvidenceScene
from pipeline.table_versions import KEPT
from pipeline.tables import schema_of, write_records
from tests.jobs.ledgers import coverage, detection, filled, version

HERE = Path(__file__).parent
GOLDEN = HERE / "schemas-0.1.0.json"
AT = datetime(2024, 3, 7, 2, 9, tzinfo=UTC)
KEPT_RECORDS: dict[str, type] = {
    "CallVersion": records.CallVersion,
    "EvidenceScene": EvidenceScene,
    "Coverage": records.Coverage,
    "Detection": records.Detection,
}
ROWS = {
    "CallVersion": [version("event-1", ["d-1", "g-1"]), version("event-2", [])],
    "EvidenceScene": [filled(EvidenceScene, evidence_id="d-1", scene_id="S2A_1_alder")],
    "Coverage": [coverage("alder", "S2A_1_alder", AT, state="cloudy")],
    "Detection": [detection("d-1", "S2A_1_alder", AT)],
}


def columns(record: type) -> dict[str, str]:
    """Each column's type, and whether it may be empty."""
    return {
        one.name: f"{one.type}{'' if one.nullable else ' not null'}" for one in schema_of(record)
    }


def file_of(name: str, number: int) -> Path:
    return HERE / f"{name}-{number}.parquet"


def main() -> None:
    for name, record in KEPT_RECORDS.items():
        path = file_of(name, KEPT[name])
        if not path.exists():
            write_records(record, ROWS[name], path)
    if not GOLDEN.exists():
        golden = {
            name: {"version": KEPT[name], "columns": columns(record)}
            for name, record in KEPT_RECORDS.items()
        }
        GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
