"""Nights: whatever happens ends in a known state, is told once, and the next night goes on."""

from __future__ import annotations

import fcntl
import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from pipeline.config import load_config
from pipeline.jobs.night import keep_night
from pipeline.jobs.progress import LineProgress
from pipeline.records import CallVersion
from pipeline.sites import load_sites
from pipeline.tables import read_records
from tests.receiver import Receiver

NIGHT = datetime(2024, 3, 7, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def inbox():
    with Receiver() as served:
        yield served


@pytest.fixture
def night(own_season, inbox, monkeypatch):
    """Keep a night of the tiny season; keywords are `upkeep` settings."""
    monkeypatch.setenv("DARKCALL_ALERT_URLS", inbox.address)
    monkeypatch.setenv("DARKCALL_HEARTBEAT_URL", inbox.heartbeat)
    monkeypatch.delenv("DARKCALL_DATABASE_URL", raising=False)
    document = yaml.safe_load(own_season.config.read_text())

    def kept(at=NIGHT, **upkeep):
        settings = {"min_free_gb": 0.0, **upkeep}
        own_season.config.write_text(yaml.safe_dump({**document, "upkeep": settings}))
        inbox.got.clear()
        return keep_night(load_config(own_season.config), now=at, progress=LineProgress())

    return kept


def trouble_titles(inbox):
    return [title for title in inbox.titles() if ", tier " not in title]


def test_dark_calls_are_told_with_their_crops_in_the_first_night_alone(night, inbox, own_season):
    every = {
        "alert_tiers": ["A", "B", "C", "D"],
        "alerts_a_night": 100,
    }  # five days have leads only
    first = night(**every)

    told = [one for one in inbox.got if ", tier " in one["title"]]
    history = read_records(CallVersion, own_season.workspace / "history/calls.parquet")
    claims = {row.event_id for row in history if row.tier in "ABCD"}
    assert first.exit_code == 0
    assert len(told) == len(claims) > 0
    for message in told:
        assert "nobody has reviewed it" in message["message"]
        assert "darkcall explain call-" in message["message"]
        seen = "seen in" in message["message"]
        assert [one[:4] for one in inbox.pictures(message)[:1]] == [b"\x89PNG"] * seen
    assert any(inbox.pictures(message) for message in told)

    assert night(NIGHT + DAY, **every).exit_code == 0
    assert inbox.got == []
    assert inbox.beats == 2


def test_a_night_without_room_does_nothing_and_the_next_goes_on(night, inbox):
    night()
    full = night(NIGHT + DAY, min_free_gb=1e9)
    assert full.exit_code == 75
    assert full.story is None
    assert inbox.titles() == ["The disk is full"]

    again = night(NIGHT + 2 * DAY, min_free_gb=1e9)
    assert (again.exit_code, inbox.titles()) == (75, [])
    freed = night(NIGHT + 3 * DAY)
    assert freed.exit_code == 0
    assert inbox.titles() == ["Over: The disk is full"]


def test_a_second_night_says_who_is_at_work_and_leaves_him_alone(night, inbox, own_season):
    night()
    lock = own_season.workspace / ".locks/night.lock"
    with lock.open("a+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        second = night(NIGHT + DAY)

    assert second.exit_code == 75
    assert inbox.titles() == ["Another run is at work"]
    assert "pid" in inbox.got[0]["message"]


def test_a_stage_that_somebody_else_works_on_is_an_overlap_too(night, inbox, own_season):
    night()
    with (own_season.workspace / ".locks/detect.lock").open("a+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        second = night(NIGHT + DAY)

    assert second.exit_code == 75
    assert inbox.titles() == ["Another run is at work"]


def test_a_clock_behind_the_newest_scene_cannot_be_right(night, inbox):
    night()
    early = night(datetime(2024, 3, 2, tzinfo=UTC))

    assert early.exit_code == 75
    assert early.story is None
    assert inbox.titles() == ["The clock is wrong, or was"]


def test_a_clock_that_ran_ahead_and_came_back_is_told_and_the_night_goes_on(night, inbox):
    night()
    night(NIGHT + 200 * DAY)
    back = night(NIGHT + DAY)

    assert back.exit_code == 0
    assert back.story is not None
    assert trouble_titles(inbox) == ["The clock is wrong, or was"]
    night(NIGHT + 2 * DAY)
    assert inbox.titles() == ["Over: The clock is wrong, or was"]


def test_a_night_that_was_killed_is_told_by_the_next(night, inbox, own_season):
    night()
    word = own_season.workspace / "night/last.json"
    word.write_text(json.dumps({**json.loads(word.read_text()), "ended": None}))

    assert night(NIGHT + DAY).exit_code == 0
    assert inbox.titles() == ["The night of 2024-03-07T03:00:00Z did not end"]
    night(NIGHT + 2 * DAY)
    assert inbox.got == []


def test_a_database_that_is_gone_keeps_no_stage_from_its_work(night, inbox, monkeypatch):
    monkeypatch.setenv("DARKCALL_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:9/gone")
    ended = night()

    assert ended.exit_code == 75
    assert ended.story is not None
    assert trouble_titles(inbox) == ["The database of decisions cannot be used"]
    assert "hunter2" not in json.dumps(inbox.got)
    assert inbox.beats == 0


def test_a_gpu_that_was_to_be_there_is_missed(night, inbox):
    assert night(expect_gpu=True).exit_code == 0
    assert "No GPU is found" in trouble_titles(inbox)


def test_silence_is_told_of_a_watch_that_goes_on_and_not_of_a_season_that_is_past(
    night, inbox, own_season
):
    document = yaml.safe_load(own_season.config.read_text())
    longer = {**document, "period": {"start": "2024-03-01", "end": "2024-06-01"}}
    night(NIGHT + 20 * DAY)
    assert trouble_titles(inbox) == []

    own_season.config.write_text(yaml.safe_dump(longer))
    keep_night(load_config(own_season.config), now=NIGHT + 20 * DAY, progress=LineProgress())
    assert {"No scene from demo-alder", "No AIS from demo-alder"} <= set(trouble_titles(inbox))


def test_a_site_that_never_had_a_scene_or_a_ship_is_told_of(
    inbox, write_config, tmp_path, monkeypatch
):
    monkeypatch.setenv("DARKCALL_ALERT_URLS", inbox.address)
    watch = {"period": {"start": "2024-03-01", "end": "2024-06-01"}, "simulate": None}
    config = load_config(write_config(tmp_path, upkeep={"min_free_gb": 0.0}, **watch))
    keep_night(config, now=config.period.start + 5 * DAY, progress=LineProgress())
    assert {title for title in trouble_titles(inbox) if "scene" in title} == set()
    keep_night(config, now=config.period.start + 11 * DAY, progress=LineProgress())
    sites = {site.site_id for site in load_sites(config.sites, config.site_ids)}
    assert {f"No scene from {site_id}" for site_id in sites} <= set(trouble_titles(inbox))
    assert len(sites) == 2


def test_a_damaged_table_breaks_the_night_off_with_words_and_no_traceback(night, inbox, own_season):
    night()
    broken = next((own_season.workspace / "screen").rglob("detections.parquet"))
    broken.write_bytes(b"PAR1" + b"\0" * (broken.stat().st_size - 8) + b"PAR1")
    for item in (own_season.workspace / "calls").iterdir():
        if item.is_dir() and not item.name.startswith("."):
            (item / "manifest.json").unlink()

    ended = night(NIGHT + DAY)

    assert ended.exit_code == 3
    assert inbox.titles() == ["The night broke off"]
    assert "demo-" in inbox.got[0]["message"]
    assert "Traceback" not in json.dumps(inbox.got)
