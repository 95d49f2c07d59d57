"""Everything a run found, gathered by case for the review desk."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point

from pipeline.decided import Said
from pipeline.desk.case_file import CaseFile, Hull, Look, Part, Summary, Suspect
from pipeline.errors import UsageError
from pipeline.geo import convergence_deg, to_crs, utm_crs
from pipeline.jobs.case_ground import Ground, ground_of
from pipeline.jobs.find_calls import STAYS
from pipeline.jobs.findings import Findings
from pipeline.jobs.queue_review import queued_cases
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.records import (
    Candidate,
    Case,
    Coverage,
    Detection,
    Match,
    PortCall,
    Scene,
    SeenStay,
    Site,
    Zone,
)
from pipeline.review import words
from pipeline.review.explain import Evidence, explain
from pipeline.scene.item import ITEM, crs_of, described, read_document
from pipeline.scene.renditions import Rendition
from pipeline.tables import read_records

T = TypeVar("T")
AROUND = timedelta(days=45)
"""Passes shown before the first and after the last image of a case's ship."""
SHIPS = 5
"""Candidates that a case is found by in the queue."""
KEPT = 64
"""Case files kept ready in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneAt:
    """A fetched scene and where it lies."""

    scene: Scene
    folder: Path
    crs: str


class CaseFiles:
    """All cases of a run, and what is shown of each."""

    def __init__(self, run: Run, story: Story) -> None:
        """Read what the stages found.

        Raises:
            UsageError: the review stage of this configuration has not been run.
        """
        self.cases = queued_cases(story.queued)
        if not story.queued.done:
            raise UsageError(
                "Nothing to review yet", where=run.config.name,
                do="Run `darkcall run` with this configuration first",
            )  # fmt: skip
        self.title = run.config.title
        self.is_simulated = story.simulated is not None
        self.found: Findings = story.findings.read()
        self.sites = {site.site_id: site for site in run.sites}
        self.scenes = _scenes(story)
        self._side_m = run.config.scene.chip_m
        self._case = {case.case_id: case for case in self.cases}
        self._calls = {call.call_id: call for call in self.found.calls}
        self._matches = {match.detection_id: match for match in self.found.matches}
        self._seen = {item.detection_id: item for item in self.found.detections}
        self._xy = _positions(self.found.detections, self.scenes)
        self._by_scene = _grouped(self.found.detections, lambda item: item.scene_id)
        self._candidates = _grouped(self.found.candidates, lambda row: row.call_id)
        self._coverage = _grouped(self.found.coverage, lambda row: row.zone_id)
        stays = [done.folder / STAYS for done in story.called.done.values()]
        self._stays = {stay.call_id: stay for stay in read_records(SeenStay, stays)}
        self._ground = Ground(
            season=story.findings.season,
            gaps={gap.gap_id: gap for gap in self.found.gaps},
            by_scene=self._by_scene,
            heard=_grouped(self.found.in_view, lambda row: row.scene_id),
            scene=run.config.scene,
        )
        self.file = functools.lru_cache(maxsize=KEPT)(self._file)

    def summary(self, case: Case) -> Summary:
        """What the queue shows of a case and is filtered by."""
        call = self.call_of(case)
        site = self.sites[case.site_id]
        own = [self._seen[name] for name in case.evidence_ids if name in self._seen]
        scenes = [self.scenes[name].scene for name in case.evidence_ids if name in self.scenes]
        instants = [item.sensed_at for item in own] + [scene.sensed_at for scene in scenes]
        if call is not None:
            instants += [call.arrival_latest, call.departure_earliest]
        ships = sorted(self._candidates.get(case.subject_id, ()), key=lambda row: row.rank)
        return Summary(
            case=case,
            place=words.place(site, case.zone_id),
            when=_when(call),
            start=min(instants),
            end=max(instants),
            sensors=tuple(sorted({item.sensor for item in own} | {str(s.sensor) for s in scenes})),
            ships=tuple(
                (row.mmsi, words.ship(row.ship_name, row.mmsi))
                for row in ships
                if row.mmsi is not None
            )[:SHIPS],
        )

    def call_of(self, case: Case) -> PortCall | None:
        """The call that a case is about; None: it is about a track."""
        return self._calls.get(case.subject_id)

    def _file(self, case_id: str) -> CaseFile:
        """What the desk shows of one case; KeyError: no such case."""
        case = self._case[case_id]
        call = self.call_of(case)
        site = self.sites[case.site_id]
        zone = next((zone for zone in site.zones if zone.zone_id == case.zone_id), None)
        own = [self._seen[name] for name in case.evidence_ids if name in self._seen]
        own.sort(key=lambda item: (item.sensed_at, item.detection_id))
        lon, lat = self._centre(case, site, zone, own)
        candidates = sorted(
            self._candidates.get(case.subject_id, ()), key=lambda row: (row.rank, row.mmsi or 0)
        )
        looks = self._looks(case, zone, own, lon=lon, lat=lat)
        return CaseFile(
            case=case,
            place=words.place(site, case.zone_id),
            lon=lon,
            lat=lat,
            side_m=self._side_m,
            north_deg=-convergence_deg(self._crs(case, lon, lat), lon, lat),
            when=_when(call),
            said=_said(call, own),
            facts=_facts(call, own),
            suspects=tuple(_suspect(row) for row in candidates),
            explanation=self._explanation(case, call, own, candidates),
            looks=looks,
            ground=ground_of(
                self._ground, site=site, call=call, case=case, own=own, candidates=candidates,
                scene_ids=[look.scene_id for look in looks], matches=self._matches,
            ),
        )  # fmt: skip

    def _centre(
        self, case: Case, site: Site, zone: Zone | None, own: Sequence[Detection]
    ) -> tuple[float, float]:
        """Of the pictures: the first hull, else where the ship said she was, else the berth."""
        if own:
            return own[0].lon, own[0].lat
        said = [row for row in self.found.in_view if row.track_id == case.subject_id]
        if said:
            return said[0].lon, said[0].lat
        middle = (site.aoi if zone is None else zone.polygon).centroid
        return middle.x, middle.y

    def _crs(self, case: Case, lon: float, lat: float) -> str:
        """Of the site's scenes, which share one grid."""
        own = (at.crs for at in self.scenes.values() if at.scene.site_id == case.site_id)
        return next(own, utm_crs(lon, lat))

    def _looks(
        self, case: Case, zone: Zone | None, own: Sequence[Detection], *, lon: float, lat: float
    ) -> tuple[Look, ...]:
        mine = {item.detection_id for item in own}
        zone_id = zone.zone_id if zone is not None else self._nearest_zone(case.site_id, lon, lat)
        rows = [row for row in self._coverage.get(zone_id, ()) if row.scene_id in self.scenes]
        named = {name for name in case.evidence_ids if name in self.scenes}
        instants = [item.sensed_at for item in own]
        instants += [self.scenes[name].scene.sensed_at for name in named]
        call = self.call_of(case)
        if not instants and call is not None:
            instants = [call.arrival_latest, call.departure_earliest]
        start = min(instants) - AROUND
        end = max(instants) + AROUND
        looks = [
            self._look(row, mine, lon=lon, lat=lat) for row in rows if start <= row.sensed_at <= end
        ]
        return tuple(sorted(looks, key=lambda look: (look.sensed_at, look.scene_id)))

    def _nearest_zone(self, site_id: str, lon: float, lat: float) -> str:
        zones = self.sites[site_id].zones
        return min(zones, key=lambda zone: zone.polygon.distance(Point(lon, lat))).zone_id

    def _look(self, row: Coverage, mine: set[str], *, lon: float, lat: float) -> Look:
        at = self.scenes[row.scene_id]
        centre = shapely.get_coordinates(to_crs(Point(lon, lat), target=at.crs))[0]
        hulls = [
            hull
            for item in self._by_scene.get(row.scene_id, ())
            if (hull := self._hull(item, at, mine, centre)) is not None
        ]
        return Look(
            scene_id=row.scene_id,
            sensor=row.sensor,
            platform=at.scene.platform,
            sensed_at=row.sensed_at,
            state=row.state,
            shows=any(hull.is_own for hull in hulls),
            renditions=tuple(
                str(one)
                for one in Rendition.of(row.sensor)
                if set(one.bands) <= set(at.scene.bands)
            ),
            hulls=tuple(hulls),
        )

    def _hull(
        self, item: Detection, at: SceneAt, mine: set[str], centre: NDArray[np.float64]
    ) -> Hull | None:
        """As shares of a crop around a place, (easting, northing) m; None: outside it."""
        pixel_m = at.scene.gsd_m
        x, y = self._xy[item.detection_id] - centre
        corners = tuple(
            (
                0.5 + (x + (col - item.col_px) * pixel_m) / self._side_m,
                0.5 - (y + (item.row_px - row) * pixel_m) / self._side_m,
            )
            for row, col in zip(item.outline_px[::2], item.outline_px[1::2], strict=True)
        )
        if not any(0.0 <= x <= 1.0 and 0.0 <= y <= 1.0 for x, y in corners):
            return None
        return Hull(
            detection_id=item.detection_id,
            corners=tuple((round(x, 4), round(y, 4)) for x, y in corners),
            is_own=item.detection_id in mine,
            said=_hull_said(item, self._matches.get(item.detection_id)),
        )

    def _explanation(
        self,
        case: Case,
        call: PortCall | None,
        own: Sequence[Detection],
        candidates: Sequence[Candidate],
    ) -> tuple[Part, ...]:
        if call is None:
            return (Part(heading="Why", sentences=tuple(case.reasons)),)
        sections = explain(
            Evidence(
                call=call,
                stay=self._stays.get(call.call_id),
                place=words.place(self.sites[case.site_id], call.zone_id),
                detections=own,
                matches={
                    item.detection_id: self._matches[item.detection_id]
                    for item in own
                    if item.detection_id in self._matches
                },
                coverage=sorted(self._coverage.get(call.zone_id, ()), key=lambda r: r.sensed_at),
                candidates=candidates,
            )
        )
        return tuple(Part(heading=s.heading, sentences=tuple(s.sentences)) for s in sections)


def _scenes(story: Story) -> dict[str, SceneAt]:
    scenes = {}
    for folder in story.fetched.folders():
        item = folder / ITEM
        if item.is_file():
            document = read_document(item)
            scene = described(document, item)
            scenes[scene.scene_id] = SceneAt(scene=scene, folder=folder, crs=crs_of(document, item))
    return scenes


def _positions(
    detections: Sequence[Detection], scenes: Mapping[str, SceneAt]
) -> dict[str, NDArray[np.float64]]:
    """Easting and northing (m) of each detection in its scene's projection."""
    found: dict[str, NDArray[np.float64]] = {}
    own = [item for item in detections if item.scene_id in scenes]
    for crs, items in _grouped(own, lambda item: scenes[item.scene_id].crs).items():
        places = shapely.points([item.lon for item in items], [item.lat for item in items])
        xy = shapely.get_coordinates(to_crs(places, target=crs))
        found |= {item.detection_id: xy[k] for k, item in enumerate(items)}
    return found


def _grouped(rows: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    grouped: dict[str, list[T]] = {}
    for row in rows:
        grouped.setdefault(key(row), []).append(row)
    return grouped


def _when(call: PortCall | None) -> str:
    return "" if call is None else words.interval(call.arrival_latest, call.departure_earliest)


def _said(call: PortCall | None, own: Sequence[Detection]) -> Said:
    models = sorted({item.model_sha256 for item in own if item.model_sha256 is not None})
    software = f"darkcall {version('darkcall')}"
    if call is None:
        return Said(software=software, models=tuple(models))
    return Said(
        tier=call.tier, p_dark=call.p_dark, p_tanker=call.p_tanker, mmsi=call.mmsi,
        ship_name=call.ship_name, p_ship=call.p_ship, n_seen=call.n_seen, software=software,
        models=tuple(models),
    )  # fmt: skip


def _facts(call: PortCall | None, own: Sequence[Detection]) -> tuple[tuple[str, str], ...]:
    if call is None:
        return ()
    sensors = sorted({item.sensor for item in own})
    return (
        ("Arrived", words.interval(call.arrival_earliest, call.arrival_latest)),
        ("Left", words.interval(call.departure_earliest, call.departure_latest)),
        ("Hull length", words.length(call.length_m, call.length_sigma_m)),
        ("P(dark)", words.probability(call.p_dark)),
        ("P(tanker)", words.probability(call.p_tanker)),
        ("Berth handles", call.cargo),
        ("Images", f"{call.n_seen}, {', '.join(words.SENSORS[s] for s in sensors) or 'none'}"),
    )


def _suspect(row: Candidate) -> Suspect:
    terms = (
        ("length", row.term_length),
        ("type", row.term_type),
        ("lists and flag", row.term_listed),
        ("silence", row.term_gap),
    )
    return Suspect(
        rank=row.rank,
        mmsi=row.mmsi,
        who=words.ship(row.ship_name, row.mmsi),
        posterior=row.posterior,
        terms=() if row.mmsi is None else terms,
        reason=row.reason,
    )


def _hull_said(item: Detection, match: Match | None) -> str:
    said = f"{words.length(item.length_m, item.length_sigma_m)}, P(ship) {item.score:.2f}"
    if item.screened is not None:
        return f"{said}, set aside: {item.screened}"
    if match is None:
        return said
    who = "" if match.mmsi is None or match.outcome != "matched" else f" MMSI {match.mmsi}"
    return f"{said}, {match.outcome}{who}"
