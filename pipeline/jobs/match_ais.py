"""Stage 4: each scene's kept detections against the ships on the air at that instant.

An item's key holds a hash of the very fixes it used: a late AIS file re-matches the scenes whose
hours and waters it touches, and no others.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import pipeline.ais.settings
import pipeline.match.settings
import pipeline.scene.settings
from pipeline.ais.predict import predict
from pipeline.clock import day_start, days_between
from pipeline.geo import distance_m
from pipeline.heard import (
    Reception,
    Track,
    TrackFix,
)
from pipeline.jobs.contract import Done, Item, Outcome, Stage, StageResult
from pipeline.jobs.detect_ships import DETECTIONS, site_of
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.ingest_ais import RECEPTION, SEASON, TRACKS, day_file
from pipeline.jobs.run import Run
from pipeline.jobs.trained import with_rates
from pipeline.match.scene import match_scene
from pipeline.records import (
    AisInView,
    Detection,
    Image,
    Match,
    Scene,
    Site,
)
from pipeline.scene.cloud import cloud_mask
from pipeline.scene.item import read_item
from pipeline.scene.read import read_scene
from pipeline.tables import read_records, read_table, schema_of, write_records

MATCHES = "matches.parquet"
IN_VIEW = "in_view.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What was on the air around one scene, in time and place."""

    fixes: pa.Table
    tracks: list[Track]
    reception: list[Reception]

    def sha256(self) -> str:
        """Hash of the rows."""
        digest = hashlib.sha256()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema_of(TrackFix)) as writer:
            writer.write_table(self.fixes.combine_chunks())
        digest.update(sink.getvalue())
        digest.update(repr((self.tracks, self.reception)).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTask:
    """One scene, its kept detections, and the air around it."""

    folder: Path
    site: Site
    detections: list[Detection]
    air: Slice
    data_end: datetime
    ais: pipeline.ais.settings.Settings
    match: pipeline.match.settings.Settings
    scene: pipeline.scene.settings.Settings


class Season:
    """The season's tracks, read a day at a time and kept while its scenes are planned."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._days: dict[str, pa.Table] = {}
        self.tracks = read_records(Track, folder / TRACKS)
        self.reception = read_records(Reception, folder / RECEPTION)

    def slice(self, site: Site, at: datetime, settings: pipeline.match.settings.Settings) -> Slice:
        """Fixes within the settings' hours and radius of a site at an instant."""
        window = timedelta(seconds=settings.fix_window_s)
        days = days_between(at - window, at + window + timedelta(microseconds=1))
        fixes = pa.concat_tables([self._day(day_start(d)) for d in days])
        sent = fixes.column("sent_at")
        in_time = pc.and_(
            pc.greater_equal(sent, pa.scalar(at - window, sent.type)),
            pc.less_equal(sent, pa.scalar(at + window, sent.type)),
        )
        fixes = fixes.filter(in_time)
        centre = site.aoi.centroid
        away_m = distance_m(
            np.asarray(fixes.column("lon")), np.asarray(fixes.column("lat")), centre.x, centre.y
        )
        fixes = fixes.filter(pa.array(away_m <= settings.fix_radius_m))
        fixes = fixes.sort_by([("track_id", "ascending"), ("sent_at", "ascending")])
        present = set(fixes.column("track_id").to_pylist())
        return Slice(
            fixes=fixes,
            tracks=[track for track in self.tracks if track.track_id in present],
            reception=[
                hour
                for hour in self.reception
                if hour.site_id == site.site_id and abs(hour.hour_at - at) <= window
            ],
        )

    def _day(self, day: datetime) -> pa.Table:
        name = day_file(day)
        if name not in self._days:
            path = self._folder / name
            self._days[name] = read_table(TrackFix, path if path.exists() else [])
        return self._days[name]


def match(
    run: Run, *, fetched: StageResult, detected: StageResult, screened: StageResult,
    tracked: StageResult,
) -> StageResult:  # fmt: skip
    """Match every detected scene."""
    items: list[Item] = []
    if SEASON in tracked.done:
        season = Season(tracked.done[SEASON].folder)
        for site in run.sites:
            if site.site_id not in screened.done:
                continue
            found = read_records(Detection, screened.done[site.site_id].folder / DETECTIONS)
            items += [
                _item(run, site, done=fetched.done[name], name=name, found=found, season=season)
                for name in detected.done
                if site_of(name) == site.site_id and name in fetched.done
            ]
    return run.stage(MATCH, items)


def _item(
    run: Run, site: Site, *, done: Done, name: str, found: list[Detection], season: Season
) -> Item:
    scene = read_item(done.folder / "item.json")
    config = run.config
    settings = with_rates(scene.sensor, config.detect, config.match)
    kept = [d for d in found if d.scene_id == scene.scene_id and d.screened is None]
    air = season.slice(site, scene.sensed_at, config.match)
    data_end = min(_end(season), scene.sensed_at + timedelta(seconds=config.match.provisional_s))
    return Item(
        item_id=name,
        task=MatchTask(
            folder=done.folder,
            site=site,
            detections=kept,
            air=air,
            data_end=data_end,
            ais=config.ais,
            match=settings,
            scene=config.scene,
        ),
        inputs={
            "scene": done.content_sha256,
            "detections": sha256_json([repr(item) for item in kept]),
            "air": air.sha256(),
            "data_end": data_end.isoformat(),
            "site": sha256_json([site.aoi.wkt, [zone.polygon.wkt for zone in site.zones]]),
            "settings": sha256_json(
                [
                    config.ais.model_dump(mode="json"),
                    settings.model_dump(mode="json"),
                    config.scene.model_dump(mode="json"),
                ]
            ),
        },
        selected=run.selection.takes(site_id=site.site_id, at=scene.sensed_at),
    )


def _end(season: Season) -> datetime:
    return max((track.end_at for track in season.tracks), default=datetime.max.replace(tzinfo=UTC))


def _match_one(task: MatchTask, out: Path) -> Outcome:
    scene, image = read_scene(task.folder)
    predictions = predict(
        task.air.fixes,
        task.air.tracks,
        instant=scene.sensed_at,
        near=task.site.aoi,
        settings=task.ais,
    )
    matches, in_view = match_scene(
        scene,
        detections=task.detections,
        predictions=predictions,
        reception=task.air.reception,
        surface_cloud_at=_CloudAt(scene, image, task.scene),
        site=task.site,
        data_end=task.data_end,
        settings=task.match,
    )
    write_records(Match, matches, out / MATCHES)
    write_records(AisInView, in_view, out / IN_VIEW)
    return Outcome(
        counts={"matches": len(matches), "in_view": len(in_view)},
        rows_in=len(task.detections),
        rows_out=len(matches),
    )


class _CloudAt:
    """Is a place hidden in an image: under cloud, or outside what was delivered?"""

    def __init__(
        self, scene: Scene, image: Image, settings: pipeline.scene.settings.Settings
    ) -> None:
        self._scene = scene
        self._image = image
        self._hidden = cloud_mask(image, settings) | ~image.valid

    def __call__(self, lon: float, lat: float) -> bool:
        row, col = self._image.grid.px_from_lonlat(lon, lat)
        i, j = int(np.floor(row)), int(np.floor(col))
        height, width = self._hidden.shape
        return not (0 <= i < height and 0 <= j < width) or bool(self._hidden[i, j])


MATCH = Stage(name="match", version=3, work=_match_one)
