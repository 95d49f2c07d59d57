"""Alerts: each thing once, again only when it grows, nothing lost, no address given away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.upkeep.alerts import Alert, Kind, Log, Post, ended, tell
from pipeline.upkeep.settings import Settings
from tests.receiver import Receiver

NOW = datetime(2026, 1, 10, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def disk(**changes):
    told = {"kind": Kind.DISK, "key": "disk full", "title": "The disk is full", "body": "Free some"}
    return Alert(**{**told, **changes})


def failing(*items):
    return Alert(
        kind=Kind.FAILURE, key="failure:fetch", title=f"{len(items)} items failed",
        body=" ".join(items), about=items,
    )  # fmt: skip


def call(tier):
    return Alert(
        kind=Kind.DARK_CALL, key="call:one", title=f"Dark call, tier {tier}", body="", about=(tier,)
    )


@pytest.fixture
def inbox():
    with Receiver() as served:
        yield served


@pytest.fixture
def night(tmp_path, inbox):
    """Tell what a night has met, as a new process would: the log is read from disk."""

    def kept(*alerts, at=NOW, settings=None):
        log = Log.read(tmp_path / "told.jsonl")
        told = [*alerts, *ended(alerts, log)]
        return tell(told, log, Post(inbox.address), now=at, settings=settings or Settings())

    return kept


def test_a_trouble_is_told_once_while_it_stands_and_its_end_once(night, inbox):
    for number, alerts in enumerate([(disk(),), (disk(),), (), (), (disk(),)]):
        night(*alerts, at=NOW + number * DAY)

    assert inbox.titles() == ["The disk is full", "Over: The disk is full", "The disk is full"]


def test_a_trouble_that_stands_for_weeks_is_told_weekly(night, inbox):
    for number in range(22):
        night(disk(), at=NOW + number * DAY)

    assert inbox.titles() == ["The disk is full"] * 4  # nights 0, 7, 14, 21


def test_failures_are_told_again_only_when_another_item_fails(night, inbox):
    for items in (("a",), ("a",), ("a", "b"), ("b",), ("c",)):
        night(failing(*items))

    assert [one["message"] for one in inbox.got] == ["a", "a b", "c"]


def test_a_call_is_told_when_its_tier_changes_and_back(night, inbox):
    for tier in "CCBBC":
        night(call(tier))

    assert [title[-1] for title in inbox.titles()] == ["C", "B", "C"]


def test_fifty_calls_are_nine_alerts_and_one_digest_and_are_not_told_again(night, inbox):
    many = [
        Alert(kind=Kind.DARK_CALL, key=f"call:{n}", title=f"call {n}", body="", about=("B",))
        for n in range(50)
    ]
    night(*many)
    night(*many)

    assert len(inbox.got) == 10
    assert inbox.titles()[-1] == "Darkcall: 41 more alerts in one"
    assert "call 49" in inbox.got[-1]["message"]


def test_what_did_not_arrive_is_sent_in_the_next_night_and_only_there(tmp_path, inbox):
    path = tmp_path / "told.jsonl"
    with Receiver() as second:
        both = Post(f"{inbox.address}, {second.address}")
        second.well = False
        (first,) = tell([disk()], Log.read(path), both, now=NOW, settings=Settings())
        assert (len(first.reached), len(first.missed)) == (1, 1)
        second.well = True
        tell([disk()], Log.read(path), both, now=NOW + DAY, settings=Settings())
        tell([disk()], Log.read(path), both, now=NOW + 2 * DAY, settings=Settings())

        assert len(inbox.got) == len(second.got) == 1


def test_pictures_are_attached_and_a_missing_one_does_not_keep_the_alert_back(
    night, inbox, tmp_path
):
    picture = tmp_path / "crop.png"
    picture.write_bytes(b"\x89PNG not really")

    night(disk(pictures=(picture, tmp_path / "gone.png")))

    assert inbox.pictures(inbox.got[0]) == [b"\x89PNG not really"]


def test_no_control_sign_of_a_ships_name_leaves_the_house(night, inbox):
    night(disk(title="A\x1b[2J\r\nBcc: all", body="line\nFLINT\x07 DAWN"))

    assert inbox.got[0]["title"] == "A [2J  Bcc: all"
    assert inbox.got[0]["message"] == "line\nFLINT  DAWN"


def test_a_line_cut_short_by_a_kill_hides_no_other(tmp_path):
    path = tmp_path / "told.jsonl"
    log = Log.read(path)
    tell([disk()], log, None, now=NOW, settings=Settings())
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])

    tell([failing("a")], Log.read(path), None, now=NOW, settings=Settings())

    assert set(Log.read(path).standing()) == {"disk full", "failure:fetch"}


def test_the_log_holds_no_address(tmp_path, inbox):
    secret = inbox.address.replace("127.0.0.1", "someone:hunter2@127.0.0.1")
    tell([disk()], Log.read(tmp_path / "told.jsonl"), Post(secret), now=NOW, settings=Settings())

    assert inbox.got
    assert "hunter2" not in (tmp_path / "told.jsonl").read_text()


def test_an_address_that_is_none_is_named_by_number_alone():
    with pytest.raises(UsageError, match="number 2") as caught:
        Post("json://127.0.0.1:1/ nonsense-hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_clock_that_ran_years_ahead_does_not_silence_a_trouble(night, inbox):
    night(disk(), at=NOW + 4000 * DAY)
    night(disk(), at=NOW)

    assert len(inbox.got) == 2


@settings(deadline=None)
@given(
    st.lists(
        st.sets(st.sampled_from(["disk", "network", "clock"])), min_size=1, max_size=12
    )
)  # fmt: skip
def test_the_log_stands_for_what_the_last_night_met(tmp_path_factory, nights):
    """Whatever comes and goes: told = onsets, over = ends, and nothing stands that is not there."""
    path = tmp_path_factory.mktemp("log") / "told.jsonl"
    onsets = ends = 0
    before: set[str] = set()
    for number, there in enumerate(nights):
        log = Log.read(path)
        alerts = [disk(key=key, title=key) for key in sorted(there)]
        tell(
            [*alerts, *ended(alerts, log)], log, None, now=NOW + number * timedelta(hours=1),
            settings=Settings(),
        )  # fmt: skip
        onsets += len(there - before)
        ends += len(before - there)
        before = there
    told = [json.loads(line)["alert"]["kind"] for line in path.read_text().splitlines()] if (
        path.exists()
    ) else []  # fmt: skip
    assert told.count("disk full") == onsets
    assert told.count("over") == ends
    assert set(Log.read(path).standing()) == before
