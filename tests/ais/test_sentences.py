"""Lines to messages: every line once, whole messages, and the time as each feed writes it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ais.sentences import LINES_WAITED, Message, SetAside, messages

ONE = b"!AIVDM,1,1,,A,15MgK45P3@G?fl0E`JbR0OwT0@MS,0*4E"
FIRST = b"!AIVDM,2,1,3,B,55NBjP01mtGIL@CW;SM<D60P5Ld000000000000P0`<3557l0<50@kk@,0*66"
SECOND = b"!AIVDM,2,2,3,B,K5h@00000000000,2*72"
AT = datetime(2024, 3, 7, 2, 9, 30, tzinfo=UTC).timestamp()


def whole(lines):
    return [one for one in messages(lines) if isinstance(one, Message)]


def aside(lines):
    return [(one.line, one.rule) for one in messages(lines) if isinstance(one, SetAside)]


@pytest.mark.parametrize(
    "lines",
    [
        [b"\\s:r3669945,c:1709777370*5D\\" + ONE],
        [b"\\c:1709777370000*5D\\" + ONE],
        [ONE + b",d-109,S2105,t050056.00,T56.13718694,r003669946,1709777370,1709777001"],
        [ONE + b",b003669794,1709777370"],
        [ONE + b",1709777370"],
        [b"$PGHP,1,2024,3,7,2,9,30,0,338,2,,1,09*17", ONE],
        [b"2024-03-07T02:09:30Z " + ONE],
        [b"2024-03-07 02:09:30 " + ONE],
        [b"2024-03-07T11:09:30+09:00;" + ONE],
        [b"1709777370 " + ONE],
        [b"1709777370000," + ONE],
    ],
)
def test_the_time_of_receipt_is_found_where_each_feed_writes_it(lines):
    (only,) = whole(lines)
    assert only.received_s == AT
    assert only.text == ONE + b"\r\n"


@pytest.mark.parametrize(
    "line",
    [
        ONE,
        b"\\s:a,c:12415440354*5D\\" + ONE,
        b"\\c:never*5D\\" + ONE,
        b"2024-13-45T99:00:00Z " + ONE,
    ],
)
def test_a_time_that_is_missing_or_senseless_is_none(line):
    (only,) = whole([line])
    assert only.received_s is None


def test_a_gatehouse_clock_is_for_the_next_message_alone():
    clock = b"$PGHP,1,2024,3,7,2,9,30,0,338,2,,1,09*17"
    found = whole([clock, FIRST, SECOND, ONE])
    assert [one.received_s for one in found] == [AT, None]


def test_parts_of_two_stations_are_kept_apart_however_they_come():
    def of(station, text):
        return b"\\s:" + station + b",c:1709777370*00\\" + text

    found = whole([of(b"a", FIRST), of(b"b", SECOND), of(b"b", FIRST), of(b"a", SECOND)])
    assert [one.lines for one in found] == [(3, 2), (1, 4)]
    assert all(one.text == FIRST + b"\r\n" + SECOND + b"\r\n" for one in found)


def test_a_group_of_a_tag_block_binds_parts_of_which_one_names_the_station_alone():
    found = whole([b"\\g:1-2-73,s:r1,c:1709777370*5F\\" + FIRST, b"\\g:2-2-73*15\\" + SECOND])
    assert [(one.lines, one.received_s) for one in found] == [((1, 2), AT)]


def test_parts_without_the_rest_are_set_aside_not_joined_to_the_next():
    assert aside([FIRST, FIRST, SECOND]) == [(1, "parts of the message are missing")]
    assert aside([FIRST]) == [(1, "parts of the message are missing")]
    assert aside([FIRST, *[b""] * (LINES_WAITED + 2), FIRST, b"", SECOND]) == [
        (1, "parts of the message are missing")
    ]


def test_what_is_no_sentence_is_said_and_comments_are_not():
    lines = [
        b"hello",
        b"",
        b"# comment",
        b"!AIVDM,1,1,,B,,0*25",
        b"!AIVDM,1,1,,B,15N4cJ005Jrek0H@9nD",
    ]
    assert aside(lines) == [
        (1, "no sentence of AIS"),
        (4, "sentence without content"),
        (5, "no sentence of AIS"),
    ]


PIECES = st.sampled_from(
    [ONE, FIRST, SECOND, b"", b"#", b"\\s:a,c:1709777370*5D\\" + FIRST, b"\\g:2-2-9*1\\" + SECOND,
     b"!AIVDM,9,9,9,A,0,0*00", b"!AIVDM,1,2,,A,0,0*00",
     b"$PGHP,1,2024,3,7,25,9,30,0,338,2,,1,09*17"]
)  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=60), max_size=40))
def test_every_line_is_in_one_message_set_aside_or_plain(lines):
    seen: Counter[int] = Counter()
    for one in messages(lines):
        seen.update(one.lines if isinstance(one, Message) else (one.line,))
    assert seen == Counter(range(1, len(lines) + 1))
