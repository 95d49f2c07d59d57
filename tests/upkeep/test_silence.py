"""Silence: feeds that stop make no error, and are told all the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.upkeep.settings import Settings
from pipeline.upkeep.silence import silences

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=90)


def every(hours, until=NOW):
    count = int((until - START).total_seconds() / 3600 / hours)
    return [START + timedelta(hours=hours * number) for number in range(count + 1)]


def told(scenes=(), heard=(), now=NOW, **settings):
    found = silences(
        {"port": scenes}, {"port": heard}, start=START, now=now, settings=Settings(**settings)
    )
    return {alert.key: alert for alert in found}


def test_a_steady_site_is_not_told():
    assert told(scenes=every(60), heard=every(1)) == {}


def test_a_site_without_scenes_for_eleven_days_is_told_with_the_hours():
    found = told(scenes=every(60, NOW - timedelta(days=11)), heard=every(1))
    assert list(found) == ["silence:scene:port"]
    assert found["silence:scene:port"].title == "No scene from port"


def test_a_site_that_was_never_heard_is_told_a_day_after_the_watch_began():
    assert told(scenes=every(60), heard=[], now=START + timedelta(hours=23)) == {}
    found = told(scenes=every(60), heard=[], now=START + timedelta(hours=25))
    assert list(found) == ["silence:AIS:port"]
    assert "none yet" in found["silence:AIS:port"].body


def test_far_fewer_than_the_habit_is_told_before_it_is_silence():
    ships = [hour for hour in every(1) for _ in range(20)]
    few = [at for at in ships if at < NOW - timedelta(days=2)] + every(1)[-40::4]
    found = told(scenes=every(60), heard=few)
    assert list(found) == ["silence:AIS:port"]
    assert found["silence:AIS:port"].title == "Few AIS data from port"


def test_a_new_site_has_no_habit_to_be_held_against():
    now = START + timedelta(days=8)
    lots = [START + timedelta(minutes=number) for number in range(60)]
    recent = [now - timedelta(hours=1)]
    assert told(scenes=every(60, now), heard=lots + recent, now=now) == {}
