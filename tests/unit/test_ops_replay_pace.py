"""How far a replay is, how fast it goes, and how long it still takes."""

from streams.cli.replay.bar import _rate
from streams.ops.history import Extent
from streams.ops.replay.crew import Moved
from streams.ops.replay.pace import Pacer

TWO = (Extent(partition=0, first=100, end=200), Extent(partition=4, first=0, end=300))


def test_partitions_are_added_up():
    """Positions say how far, events how fast."""
    pacer = Pacer(TWO)
    pacer.take(Moved(0, 100, 150, 5000))
    pacer.take(Moved(4, 0, 20, 900))
    pacer.take(Moved(4, 0, 50, 3000))
    pace = pacer.pace(4.0)

    assert (pace.done, pace.total) == (100, 400)
    assert (pace.events, pace.events_per_second) == (8000, 2000)
    assert pace.left == 12.0


def test_what_another_day_did_says_nothing_of_speed():
    """A bookmark at nine tenths does not promise the last one in no time."""
    pacer = Pacer(TWO[:1])
    pacer.take(Moved(0, 190, 195, 1000))
    pace = pacer.pace(10.0)

    assert (pace.done, pace.left) == (95, 10.0)


def test_before_anything_moved_nobody_can_tell():
    """No division by nothing."""
    pace = Pacer(TWO).pace(0.0)

    assert (pace.done, pace.events_per_second, pace.left) == (0, 0, None)


def test_the_time_left_is_written_as_clocks_are():
    """Hours only where there are any."""
    assert [_rate(84_000, left) for left in (None, 9.6, 75.0, 7384.0)] == [
        "84,000 events/s",
        "84,000 events/s, 0:10 left",
        "84,000 events/s, 1:15 left",
        "84,000 events/s, 2:03:04 left",
    ]
