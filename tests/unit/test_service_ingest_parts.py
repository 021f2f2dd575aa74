"""The parts of ingest that need no broker: how far is done, what comes first, and where scans wait."""

from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.codec.blocks import Entry, decode_entries
from streams.service.merge import woven
from streams.service.packing import BLOCK_BYTES, BLOCK_EVENTS, Packer
from streams.service.parking import place_of
from streams.service.progress import Progress
from streams.service.reception import Reception
from streams.service.topics import topics_of
from streams.service.tracking import read_lesson
from streams.settings import load
from streams.sources.native.adapter import SOURCE
from tests.ndjson import MONDAY, line, scan, shipped

HERE, THERE = TopicPartition("orders", 0), TopicPartition("orders", 1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@given(
    rounds=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_no_round_is_done_before_its_writes_and_all_earlier_ones(rounds, order):
    """Whatever the order of acknowledgments; and in the end everything is done."""
    progress = Progress()
    owed: list[tuple[int, int]] = []
    for number, writes in enumerate(rounds):
        owed += [(number, progress.owe()) for _ in range(writes)]
        progress.close({HERE: number + 1})
    order.shuffle(owed)
    done = progress.take().get(HERE, 0)
    while owed:
        assert done <= min(number for number, _ in owed)
        _, one = owed.pop()
        progress.settle(one)
        done = progress.take().get(HERE, done)

    assert done == len(rounds)
    assert progress.is_settled


def test_a_block_is_owed_by_the_round_that_began_it():
    """It is written rounds later, and until then nothing counts as done."""
    progress = Progress()
    packer = Packer("journal", progress)
    for number in range(3):
        packer.add(0, entry(number))
        progress.close({HERE: number + 1})
    before = progress.take()
    packer.close()
    (write,) = packer.take()
    progress.settle(write.owed)

    assert before == {}
    assert progress.take() == {HERE: 3}
    assert [one.id for one in decode_entries(write.value)] == ["e0", "e1", "e2"]


@given(sizes=st.lists(st.integers(0, 2 * BLOCK_BYTES), max_size=40))
def test_blocks_keep_their_limits_and_their_order(sizes):
    """One event alone may be larger than a block; none is left out."""
    packer = Packer("journal", Progress())
    for number, size in enumerate(sizes):
        packer.add(0, entry(number, size))
    packer.close()
    packed = [decode_entries(write.value) for write in packer.take()]

    assert [one.id for block in packed for one in block] == [f"e{number}" for number in range(len(sizes))]
    for block in packed:
        assert len(block) == 1 or sum(len(one.data) for one in block) <= BLOCK_BYTES
        assert len(block) <= BLOCK_EVENTS


def entry(number: int, size: int = 10) -> Entry:
    """An event with so many bytes of data."""
    return Entry("ORD-1", f"e{number}", "shop", "order.placed.v1", NOON, NOON, b"x" * size)


def arrivals(place: TopicPartition, times: list[int]) -> list:
    """Records of a partition with these times."""
    return [
        SimpleNamespace(topic=place.topic, partition=place.partition, offset=offset, timestamp=time)
        for offset, time in enumerate(times)
    ]


TIMES = st.lists(st.integers(0, 50), max_size=20)


@given(here=TIMES, there=TIMES)
def test_what_was_read_at_once_is_put_in_order_and_nothing_is_left_out(here, there):
    """By time, as far as each partition's own order lets it."""
    found = {HERE: arrivals(HERE, here), THERE: arrivals(THERE, there)}
    runs = woven({place: some for place, some in found.items() if some})
    flat = [record for _, records in runs for record in records]

    assert all((one.topic, one.partition) == place for place, records in runs for one in records)
    for place, some in found.items():
        assert [one.offset for one in flat if one.partition == place.partition] == [
            one.offset for one in some
        ]
    if here == sorted(here) and there == sorted(there):
        assert [one.timestamp for one in flat] == sorted(here + there)


class Desk:
    """A reception, what it is told, and what it has written so far."""

    def __init__(self) -> None:
        self.topics = topics_of(load({}, partitions=1))
        self.packer = Packer(self.topics.journal.name, Progress())
        self.reception = Reception(self.topics, self.packer, Counter())
        self.journal: list[Entry] = []
        self.lessons: list = []

    def take(self, *events: dict) -> None:
        """Take events that came in one partition."""
        some = [
            SimpleNamespace(topic="orders", partition=0, offset=0, timestamp=0, value=line(one))
            for one in events
        ]
        self.reception.take(SOURCE, [(one, NOON) for one in some])
        self.packer.close()
        for write in self.packer.take():
            if write.topic == self.topics.journal.name:
                self.journal += decode_entries(write.value)
            elif write.topic == self.topics.tracking.name:
                self.lessons.append(SimpleNamespace(topic=write.topic, key=write.key, value=write.value))

    def hear(self, lesson) -> None:
        """Read a lesson back, as every worker does."""
        self.reception.hear(*read_lesson(lesson), NOON)


def test_a_number_that_is_given_anew_never_goes_back():
    """What we learned long ago comes back to us through the topic, and is no news; what others learn then, is."""
    desk, other = Desk(), Desk()
    desk.take(shipped("ORD-1", tracking_number="1Z"), shipped("ORD-2", tracking_number="1Z"))
    other.take(shipped("ORD-3", tracking_number="1Z"))
    told = []
    for number, lesson in enumerate([*desk.lessons, *other.lessons]):
        desk.take(scan(f"before-{number}", "in_transit", MONDAY, "1Z"))
        desk.hear(lesson)
        told.append(desk.journal[-1].order_id)
    desk.take(scan("last", "in_transit", MONDAY, "1Z"))

    assert told == ["ORD-2", "ORD-2", "ORD-2"]
    assert desk.journal[-1].order_id == "ORD-3"


def test_the_key_of_a_parked_scan_names_its_source_partition():
    """Topic names may hold dots and dashes, and event ids anything that can be printed."""
    assert place_of(b"shop.eu-1[12]\x1fcarrier[3]\x1fs[1]") == TopicPartition("shop.eu-1", 12)
