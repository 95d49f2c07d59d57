"""Spoofing leads: ships on the air where clear images show no ship."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.geo import distance_m
from pipeline.records import (
    AisInView,
    Case,
    Detection,
    Site,
    content_id,
)
from pipeline.review import words
from pipeline.review.settings import Settings

SPOOFING_LEAD = "spoofing lead"


def spoofing_leads(
    in_view: Sequence[AisInView],
    *,
    detections: Sequence[Detection],
    sites: Sequence[Site],
    settings: Settings,
) -> list[Case]:
    """One case for each track that clear images of a site missed again and again."""
    hulls: dict[str, list[Detection]] = {}
    for item in detections:
        if item.screened is None:
            hulls.setdefault(item.scene_id, []).append(item)
    names = {site.site_id: site.name for site in sites}
    looks: dict[tuple[str, str], list[AisInView]] = {}
    for row in sorted(in_view, key=lambda row: (row.sensed_at, row.scene_id)):
        looks.setdefault((row.track_id, row.site_id), []).append(row)
    cases = []
    for (_, site_id), rows in sorted(looks.items()):
        missed = [row for row in rows if _is_missed(row, hulls, settings)]
        if len(missed) >= settings.lead_misses_min:
            seen = sum(row.status == "seen" for row in rows)
            cases.append(_lead(missed, seen, names.get(site_id, site_id), settings))
    return cases


def p_false(missed: Sequence[AisInView], settings: Settings) -> float:
    """P(the positions are false), as Bayes has it if the misses are independent."""
    missed_though_there = math.prod(1.0 - row.p_detect for row in missed)
    prior = settings.lead_prior
    return prior / (prior + (1.0 - prior) * missed_though_there)


def _is_missed(
    row: AisInView, hulls: Mapping[str, Sequence[Detection]], settings: Settings
) -> bool:
    """A clear look at a well known place, with no hull of any kind near it."""
    if row.status != "not seen" or row.p_detect < settings.lead_p_detect_min:
        return False
    if row.sigma_m > settings.lead_sigma_max_m:
        return False
    return all(
        distance_m(row.lon, row.lat, hull.lon, hull.lat) > settings.lead_clear_m
        for hull in hulls.get(row.scene_id, ())
    )


def _lead(missed: Sequence[AisInView], seen: int, place: str, settings: Settings) -> Case:
    first, last = missed[0], missed[-1]
    p = p_false(missed, settings)
    doubt = max(settings.uncertainty_floor, 4.0 * p * (1.0 - p))
    images = ", ".join(words.utc(row.sensed_at) for row in missed)
    radius = f"{settings.lead_clear_m:.0f} m"
    recall = min(row.p_detect for row in missed)
    return Case(
        case_id=content_id("case", first.track_id, first.site_id),
        priority=settings.indirect_weight * p * settings.barrels_fallback * doubt,
        kind=SPOOFING_LEAD,
        subject_id=first.track_id,
        site_id=first.site_id,
        zone_id=None,
        tier=None,
        question=f"Was MMSI {first.mmsi} really at {place} "
        f"between {words.utc(first.sensed_at)} and {words.utc(last.sensed_at)} UTC?",
        reasons=[
            f"{words.count(len(missed), 'clear image')} ({images} UTC) of its place on AIS.",
            f"No hull lies within {radius} of that place in any of them.",
            f"The detector finds such a ship with probability {words.probability(recall)} or more.",
            f"It was seen in {words.count(seen, 'other image')} of this site.",
            f"P(positions false) {words.probability(p)}, if the misses are independent.",
            "A detector may miss one and the same ship again and again.",
        ],
        chips=[],
        evidence_ids=[first.track_id, *(row.scene_id for row in missed)],
        evidence_key=content_id("evidence", first.track_id, *(row.scene_id for row in missed)),
    )
