"""Whatever the policy and however full the disk, what something refers to stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.upkeep.retention import SceneLife, Stays, judge
from pipeline.upkeep.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)

lives = st.builds(
    SceneLife,
    item_id=st.uuids().map(str),
    sensed_at=st.integers(0, 900).map(lambda days: NOW - timedelta(days=days)),
    n_files=st.just(4),
    n_bytes=st.integers(1, 10**9),
    is_evidence=st.booleans(),
    is_finished=st.booleans(),
    is_plain=st.booleans(),
)
policies = st.one_of(st.none(), st.integers(60, 1_000)).map(
    lambda days: Settings(keep_scenes_days=days)
)


@given(st.lists(lives, max_size=30), policies, st.one_of(st.none(), st.integers(-5, 10**10)))
def test_only_old_finished_scenes_that_nothing_refers_to_go(scenes, policy, to_free):
    verdicts = judge(scenes, now=NOW, settings=policy, to_free_bytes=to_free)
    assert sorted(one.scene.item_id for one in verdicts) == sorted(s.item_id for s in scenes)
    for one in verdicts:
        if one.stays is None:
            assert one.scene.is_finished
            assert one.scene.is_plain
            assert not one.scene.is_evidence
            assert one.scene.sensed_at < NOW - timedelta(days=policy.prune_min_age_days)


@given(st.lists(lives, max_size=30), st.integers(1, 10**10))
def test_a_full_disk_takes_the_oldest_and_no_more_than_it_needs(scenes, to_free):
    verdicts = judge(scenes, now=NOW, settings=Settings(), to_free_bytes=to_free)
    going = [one.scene for one in verdicts if one.stays is None]
    kept = [one.scene for one in verdicts if one.stays is Stays.ENOUGH_FREE]
    assert sum(one.n_bytes for one in going[:-1]) < to_free
    if kept:
        assert sum(one.n_bytes for one in going) >= to_free
        assert max(one.sensed_at for one in going) <= min(one.sensed_at for one in kept)


def test_without_a_policy_everything_stays():
    old = SceneLife(
        item_id="a", sensed_at=NOW - timedelta(days=4_000), n_files=4, n_bytes=1,
        is_evidence=False, is_finished=True,
    )  # fmt: skip
    (one,) = judge([old], now=NOW, settings=Settings())
    assert one.stays is Stays.NO_POLICY
