"""Labels for training: from hulls drawn by people, from AIS, from reviewers' decisions."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.decided import Entry, HullRejected, Verdict
from pipeline.decisions.settings import Settings as DecisionSettings
from pipeline.decisions.standing import standings, valid_entries
from pipeline.errors import BadInput, UsageError
from pipeline.jobs.detect_ships import ground_of, site_of, with_pixels
from pipeline.jobs.hull_labels import ignored_px, labelled_image, labels_of, on_grid, undrawn_on
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.learn.dataset import reaching_the_rim
from pipeline.learn.store import Labelled
from pipeline.model import Inputs
from pipeline.records import (
    Case,
    Detection,
    Image,
    Match,
    Outcome,
    Scene,
)
from pipeline.scene.read import read_scene

CONFIRMED = frozenset({"confirm", "confirmed"})
_OF_CASE = {
    Verdict.CONFIRMED: "confirmed",
    Verdict.WRONG_SHIP: "confirmed",
    Verdict.NOT_A_SHIP: "not a ship",
}
REFUSED = frozenset({"reject", "rejected", "not a ship"})
MAX_DECISIONS = 1_000_000


def labels_from_drawings(run: Run, story: Story, inputs: Inputs) -> list[Labelled]:
    """Fetched scenes with the hulls that people drew on them.

    Raises:
        UsageError: no labels beside the configuration's scenes, or none of them was fetched.
    """
    labels = labels_of(run.config.inputs.scenes)
    areas = run.config.evaluate.ignored_areas
    found = []
    for name, done in with_pixels(run, story.fetched):
        scene, image = read_scene(done.folder)
        path = labelled_image(scene, labels)
        if path is None or scene.sensor is not inputs.sensor:
            continue
        hulls = [
            one for one in on_grid(path, labels[path], image.grid, areas) if not one.is_ignored
        ]
        undrawn = undrawn_on(run.config.evaluate.undrawn, image.grid)
        found.append(
            Labelled(
                name=scene.scene_id,
                group=site_of(name),
                data=_pixels(run, name, scene, image, inputs),
                corners_px=np.array([one.corners_px for one in hulls]).reshape(-1, 4, 2),
                outlines=tuple(one.outline_px for one in hulls),
                sources=tuple(one.source for one in hulls),
                ignored=(*ignored_px(areas, image.grid), *(one.corners_px for one in undrawn)),
            )
        )
    if not found:
        raise UsageError(
            "No labelled scene was fetched", do="Check `inputs.scenes`: images and their labels"
        )
    return found


def labels_from_run(
    run: Run, story: Story, inputs: Inputs, verdicts: Mapping[str, str] | None = None
) -> list[Labelled]:
    """A run's scenes with the detections that AIS or a person vouches for.

    A detection matched with a ship on the air, or confirmed by a person, is a hull; one a person
    refused is background, which is what makes it a hard negative; every other kept or screened
    detection is ignored, as nobody knows.

    Args:
        run: whose workspace.
        story: its stages, matched.
        inputs: sensor, bands and stretch.
        verdicts: what people said, by detection; None: AIS alone is believed.

    Raises:
        UsageError: nothing vouched for.
    """
    findings = story.findings.read()
    matches = {one.detection_id: one for one in findings.matches} if verdicts is None else {}
    by_scene: dict[str, list[Detection]] = defaultdict(list)
    for detection in findings.detections:
        by_scene[detection.scene_id].append(detection)
    found = []
    for name, done in with_pixels(run, story.fetched):
        scene, image = read_scene(done.folder)
        if scene.sensor is not inputs.sensor:
            continue
        data = _pixels(run, name, scene, image, inputs)
        one = _vouched(scene, data, by_scene[scene.scene_id], matches, verdicts or {})
        if one.outlines or one.sources:
            found.append(one)
    if not found:
        raise UsageError(
            "No detection is vouched for",
            where=run.workspace,
            do="Match with AIS first (`darkcall match`), or decide cases (`darkcall desk`)",
        )
    return found


def _pixels(run: Run, name: str, scene: Scene, image: Image, inputs: Inputs) -> NDArray[np.float32]:
    """What the network is fed, 0 outside of what the sensor imaged."""
    ground = ground_of(scene, image, run.site(site_of(name)), run.config.scene)
    data = inputs.of(image, ground.sea)
    data[:, reaching_the_rim(~image.valid)] = 0.0
    return data


def _vouched(
    scene: Scene,
    data: NDArray[np.float32],
    detections: list[Detection],
    matches: Mapping[str, Match],
    verdicts: Mapping[str, str],
) -> Labelled:
    hulls, sources, doubtful = [], [], []
    for one in detections:
        match, verdict = matches.get(one.detection_id), verdicts.get(one.detection_id)
        outline = np.array(one.outline_px, np.float64).reshape(-1, 2)[:, ::-1]
        if verdict in REFUSED:
            continue
        if verdict in CONFIRMED:
            hulls.append(outline)
            sources.append(f"{one.detection_id} {verdict}")
        elif match is not None and match.outcome == Outcome.MATCHED.value:
            hulls.append(outline)
            sources.append(f"{one.detection_id} is MMSI {match.mmsi}, p {match.p_match:.2f}")
        else:
            doubtful.append(outline)
    return Labelled(
        name=scene.scene_id,
        group=scene.site_id,
        data=data,
        corners_px=np.array(hulls).reshape(-1, 4, 2),
        outlines=tuple(hulls),
        sources=tuple(sources),
        ignored=tuple(doubtful),
    )


def decided_hulls(cases: Sequence[Case], entries: Sequence[Entry]) -> dict[str, str]:
    """Verdict by detection id, from the journal.

    A case that is decided as a ship, whichever, confirms its detections; one that is none refuses
    them. "Rejected" and "cannot tell" say nothing of the hull: another ship may lie there.
    A detection that somebody rejected by itself is none.

    Args:
        cases: of the queue, with the evidence of today.
        entries: the journal.
    """
    verdicts: dict[str, str] = {}
    now = standings(cases, entries, DecisionSettings())
    for case in cases:
        verdict = now[case.case_id].verdict
        if verdict in _OF_CASE:
            verdicts |= dict.fromkeys(case.evidence_ids, _OF_CASE[verdict])
    for entry in valid_entries(entries):
        if isinstance(entry.body, HullRejected):
            verdicts[entry.body.detection_id] = "not a ship"
    return verdicts


def read_decisions(path: Path) -> dict[str, str]:
    """Verdict by detection id, the last one where there are several.

    Raises:
        BadInput: not a CSV with the two columns, or too long.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.DictReader(stream)
            if not {"detection_id", "verdict"} <= set(rows.fieldnames or ()):
                raise BadInput(
                    "Decisions lack a column",
                    where=path,
                    expected="detection_id, verdict",
                    found=", ".join(rows.fieldnames or ()) or "nothing",
                )
            verdicts = {}
            for number, row in enumerate(rows):
                if number >= MAX_DECISIONS:
                    raise BadInput("Too many decisions", where=path, expected=MAX_DECISIONS)
                verdicts[row["detection_id"]] = (row["verdict"] or "").strip().lower()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput("Decisions cannot be read", where=path, found=error) from None
    return verdicts
