"""Stretches of a history, as people name them."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.ops.stretch import Span, Stretch, parse
from streams.problems import UsageProblem

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_nothing_named_is_everything():
    """No text, no limit."""
    stretch = parse([])

    assert stretch == Stretch()
    assert stretch.is_everything
    assert stretch.covers(7, 0, NOON, "ORD-1")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("journal:3", Span(partition=3)),
        ("journal:3@120", Span(partition=3, first=120, last=120)),
        ("journal:3@120..900", Span(partition=3, first=120, last=900)),
        ("journal:3@120..", Span(partition=3, first=120)),
        ("journal:3@..900", Span(partition=3, last=900)),
        ("journal:3@..", Span(partition=3)),
    ],
)
def test_places(text, span):
    """A partition, a position of it, or a range of them."""
    assert parse([text]) == Stretch(spans=(span,))


def test_positions_are_included_at_both_ends():
    """As the two positions that somebody read out of a log are."""
    stretch = parse(["journal:3@120..900"])
    covered = [position for position in (119, 120, 500, 900, 901) if stretch.covers(3, position, NOON)]

    assert covered == [120, 500, 900]
    assert not stretch.covers(2, 500, NOON)


def test_several_places_are_asked_about_together():
    """One place or the other; partitions that are not named need not be read."""
    stretch = parse(["journal:0@10..20", "journal:2", "journal:0@40"])

    assert [one for one in (5, 15, 30, 40) if stretch.covers(0, one, NOON)] == [15, 40]
    assert stretch.covers(2, 999, NOON)
    assert stretch.partitions(range(4)) == (0, 2)
    assert parse([]).partitions(range(4)) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-17..2026-11-18", "2026-11-17T00:00Z", "2026-11-19T00:00Z"),
        ("2026-11-17", "2026-11-17T00:00Z", "2026-11-18T00:00Z"),
        ("2026-11-17..", "2026-11-17T00:00Z", None),
        ("..2026-11-18", None, "2026-11-19T00:00Z"),
        ("2026-11-17T08:00:00-05:00..2026-11-18T12:00:00Z", "2026-11-17T13:00Z", "2026-11-18T12:00Z"),
    ],
)
def test_times(text, since, until):
    """Days are whole days of UTC, the last one too; an instant as an end is the first moment left out."""
    moments = [None if one is None else datetime.fromisoformat(one) for one in (since, until)]

    assert parse([text]) == Stretch(since=moments[0], until=moments[1])


def test_the_first_moment_is_in_and_the_last_is_out():
    """Two stretches laid end to end tell nothing twice."""
    stretch = Stretch(since=NOON, until=NOON + SECOND)
    moments = (NOON - SECOND, NOON, NOON + SECOND)

    assert [stretch.covers_time(moment) for moment in moments] == [False, True, False]


def test_orders_narrow_it_further():
    """What is covered is of these orders, at that place, at that time."""
    stretch = parse(["journal:1", "2026-11-18"], orders=["ORD-1", "ORD-2"])

    assert stretch.covers(1, 5, NOON, "ORD-2")
    assert not stretch.covers(1, 5, NOON, "ORD-3")
    assert not stretch.covers(0, 5, NOON, "ORD-2")
    assert not stretch.covers(1, 5, NOON + timedelta(days=1), "ORD-2")
    assert stretch.covers(1, 5, NOON)


def test_reading_may_stop_behind_the_last_place_and_the_last_moment():
    """Not before: another place of the same partition may come."""
    stretch = parse(["journal:0@10..20", "journal:0@40..50", "journal:1@7.."])

    assert [stretch.is_behind(0, one, NOON) for one in (5, 30, 50, 51)] == [False, False, False, True]
    assert not stretch.is_behind(1, 10**9, NOON)
    assert stretch.is_behind(2, 0, NOON)
    assert parse(["..2026-11-17"]).is_behind(0, 0, NOON)
    assert not parse(["..2026-11-18"]).is_behind(0, 0, NOON)


@pytest.mark.parametrize(
    "text",
    [
        "journal:",
        "journal:x",
        "journal:3@",
        "journal:3@900..120",
        "journal:3@-1",
        "journals:3",
        "2026-11-18..2026-11-17",
        "2026-11-18T12:00:00Z..2026-11-18T12:00:00Z",
        "2026-11-18T12:00:00Z",
        "2026-11-18T12:00:00..",
        "2026-13-01",
        "yesterday",
        "..",
        "",
    ],
)
def test_what_is_no_stretch_is_said_with_what_to_write(text):
    """Whoever types it at night sees how it is written."""
    with pytest.raises(UsageProblem) as caught:
        parse([text])

    assert caught.value.code == "stretch-unclear"
    assert "journal:3@120..900" in caught.value.hint


def test_two_ranges_of_time_are_refused():
    """Nobody could tell whether both must hold."""
    with pytest.raises(UsageProblem) as caught:
        parse(["2026-11-17", "2026-11-19"])

    assert caught.value.code == "stretch-twice"
