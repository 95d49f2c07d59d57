"""Scene times against the satellites' orbits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import BadInput
from pipeline.scene.overpass import check_time

VOSTOCHNY = (133.06, 42.74)
# 2024 passes: Sentinel-2 at 02:09 UTC, Sentinel-1 at 08:50 and 21:22 UTC.
TRUE = [("sentinel-2b", "02:09"), ("sentinel-1a", "08:50"), ("sentinel-1a", "21:22")]


def at(clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2024, 4, 1, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(("platform", "clock"), TRUE)
def test_a_true_time_passes(platform, clock):
    check_time(platform, at(clock), *VOSTOCHNY)


@pytest.mark.parametrize(("platform", "clock"), TRUE)
@pytest.mark.parametrize("offset_h", [10, -5, 3])
def test_scene_time_in_local_time_by_mistake_is_refused(platform, clock, offset_h):
    # Vladivostok's clocks are ten hours ahead of UTC.
    with pytest.raises(BadInput, match="local solar time") as caught:
        check_time(platform, at(clock) + timedelta(hours=offset_h), *VOSTOCHNY)
    assert "UTC" in str(caught.value)


@pytest.mark.parametrize("lon", [-179.9, 179.9])
def test_either_side_of_the_antimeridian_has_its_own_noon(lon):
    check_time("sentinel-2a", at("22:30"), lon, -17.0)
    with pytest.raises(BadInput):
        check_time("sentinel-2a", at("10:30"), lon, -17.0)


def test_what_is_not_known_is_not_refused():
    check_time("sentinel-2", at("00:00"), *VOSTOCHNY)  # a placeholder's platform
    check_time("landsat-9", at("12:00"), *VOSTOCHNY)
    check_time("sentinel-2a", at("20:00"), 15.0, 69.0)  # under the midnight sun
