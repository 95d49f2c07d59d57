"""The names of all stages, for who must be alone in a workspace."""

from __future__ import annotations

from pipeline.jobs.build_voyages import VOYAGE
from pipeline.jobs.call_history import HISTORY
from pipeline.jobs.detect_ships import DETECT, SCREEN
from pipeline.jobs.fetch_scenes import FETCH
from pipeline.jobs.find_calls import FIND, NAME
from pipeline.jobs.ingest_ais import AIS
from pipeline.jobs.look_up import LOOK_UP
from pipeline.jobs.match_ais import MATCH
from pipeline.jobs.queue_review import CATALOGUE, REVIEW
from pipeline.jobs.simulate_season import SIMULATE
from pipeline.jobs.track_season import DIVIDE, SHIPS, TRACK
from pipeline.jobs.watch_passes import WATCH

_STAGES = (
    SIMULATE, FETCH, WATCH, DETECT, SCREEN, AIS, DIVIDE, SHIPS, TRACK, LOOK_UP, MATCH, FIND,
    NAME, VOYAGE, CATALOGUE, REVIEW,
)  # fmt: skip
EVERY_STAGE = (*(stage.name for stage in _STAGES), HISTORY)
VERSIONS = {stage.name: stage.version for stage in _STAGES}
"""What results depend on, with the configuration and the detectors' weights."""
