"""What every dossier tells of itself: where it comes from, and how to check it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.records import Detection
from pipeline.review.caveats import SENTENCES

README = "README.txt"
CONFIGURATION = "configuration.json"
READ_ME = """\
{title}
{rule}
{review}
{simulated}
originals/      evidence, untouched: {originals}
working/        working copies and what was made from the evidence: pages (report.html, PDF),
                exports for other programs, tables, the journal of decisions
manifest.json   every file with its size and SHA-256; products, requests, models, software
manifest.sha256 the SHA-256 of manifest.json
manifest.tsr    where it is there: a time stamp (RFC 3161) over manifest.json

Check it:       darkcall verify THIS-FOLDER
By hand:        sha256sum -c manifest.sha256, then every file against manifest.json
A time stamp:   openssl ts -verify -data manifest.json -in manifest.tsr -CAfile AUTHORITY.pem

Whoever can change the files can change the manifest too. Keep its SHA-256 in another place, or have
it stamped: only then does a check tell that nothing was changed since.

{caveats}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a dossier is about."""

    kind: str
    """call or season."""
    subject: str
    title: str
    review: str
    told: str
    """The same in a sentence."""
    is_simulated: bool
    originals: str
    """What lies there, in words."""


def about(run: Run, subject: Subject, detections: Iterable[Detection]) -> dict[str, Any]:
    """What a manifest tells beside its files and evidence."""
    models = sorted({(one.detector, one.model_sha256) for one in detections}, key=str)
    return {
        "kind": subject.kind,
        "subject": subject.subject,
        "title": subject.title,
        "review": subject.review,
        "review_told": subject.told,
        "simulated": subject.is_simulated,
        "caveats": list(SENTENCES),
        "software": {"name": "darkcall", "version": version("darkcall")},
        "configuration": {"name": run.config.name, "sha256": config_sha256(run)},
        "models": [{"detector": name, "sha256": sha256} for name, sha256 in models],
    }


def config_sha256(run: Run) -> str:
    """Of what the results depend on."""
    return sha256_json(run.config.results_depend_on())


def write_about(run: Run, subject: Subject, folder: Path) -> None:
    """The read-me, and the configuration as it is hashed."""
    simulated = "\nSIMULATED SEASON: nothing here happened.\n" if subject.is_simulated else ""
    text = READ_ME.format(
        title=subject.title,
        rule="=" * min(100, len(subject.title)),
        review=f"{subject.review}. {subject.told}",
        simulated=simulated,
        originals=subject.originals,
        caveats="\n".join(f"- {sentence}" for sentence in SENTENCES),
    )
    (folder / README).write_text(text, encoding="utf-8", newline="\n")
    held = run.config.results_depend_on()
    content = json.dumps(held, sort_keys=True, separators=(",", ":"), default=str)
    (folder / "working" / CONFIGURATION).write_text(content, encoding="utf-8")


def footer(run: Run, subject: str, story: Story) -> str:
    """Of every page."""
    invented = "SIMULATED, " if story.simulated is not None else ""
    digest = config_sha256(run)[:12]
    return f"Darkcall, {invented}{subject}, configuration {run.config.name} {digest}"
