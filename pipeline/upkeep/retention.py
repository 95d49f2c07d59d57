"""Which scenes may lose their pixels: none that anything refers to, the oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.upkeep.settings import Settings


class Stays(StrEnum):
    """Why a scene keeps its pixels."""

    EVIDENCE = "something refers to it"
    NOT_FINISHED = "not worked on to the end"
    YOUNG = "younger than the policy's days"
    NO_POLICY = "no policy: upkeep.keep_scenes_days is null"
    ENOUGH_FREE = "the disk is free enough"
    LINKED = "a link or no plain file, which is never followed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneLife:
    """A fetched scene whose pixels are there, and what speaks for keeping them."""

    item_id: str
    sensed_at: datetime
    n_files: int
    n_bytes: int
    """Of its pixels."""
    is_evidence: bool
    is_finished: bool
    """Were hulls looked for in it, and matched?"""
    is_plain: bool = True
    """False: a file of it is a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A scene, and why it stays; None: its pixels go."""

    scene: SceneLife
    stays: Stays | None


def judge(
    scenes: Iterable[SceneLife],
    *,
    now: datetime,
    settings: Settings,
    to_free_bytes: int | None = None,
) -> list[Verdict]:
    """Say of each scene whether its pixels go, the oldest first.

    Args:
        scenes: fetched, not pruned yet.
        now: aware UTC.
        settings: the policy.
        to_free_bytes: None: by age, as the policy says; else as many of the oldest as free this.
    """
    ordered = sorted(scenes, key=lambda one: (one.sensed_at, one.item_id))
    if to_free_bytes is None:
        return [Verdict(scene=one, stays=_by_age(one, now, settings)) for one in ordered]
    return _to_free(ordered, now, settings, to_free_bytes)


def _by_age(scene: SceneLife, now: datetime, settings: Settings) -> Stays | None:
    reason = _bound(scene)
    if reason is not None:
        return reason
    if settings.keep_scenes_days is None:
        return Stays.NO_POLICY
    young = scene.sensed_at >= now - timedelta(days=settings.keep_scenes_days)
    return Stays.YOUNG if young else None


def _to_free(
    ordered: Sequence[SceneLife], now: datetime, settings: Settings, to_free_bytes: int
) -> list[Verdict]:
    youngest = now - timedelta(days=settings.prune_min_age_days)
    verdicts = []
    freed = 0
    for scene in ordered:
        reason = _bound(scene)
        if reason is None and scene.sensed_at >= youngest:
            reason = Stays.YOUNG
        if reason is None and freed >= to_free_bytes:
            reason = Stays.ENOUGH_FREE
        if reason is None:
            freed += scene.n_bytes
        verdicts.append(Verdict(scene=scene, stays=reason))
    return verdicts


def _bound(scene: SceneLife) -> Stays | None:
    """What keeps a scene whatever the policy and however full the disk."""
    if scene.is_evidence:
        return Stays.EVIDENCE
    if not scene.is_finished:
        return Stays.NOT_FINISHED
    return None if scene.is_plain else Stays.LINKED
