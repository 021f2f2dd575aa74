"""The read model is the same in whatever pieces, and in whatever order, a history is read."""

import asyncio
import shutil
import sqlite3
import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from streams.codec.blocks import decode_entries
from streams.core.events import MessageQueued
from streams.embedded.inbox import Note, put_all
from streams.embedded.journal import Batch, Journal
from streams.ops.read_model import tables
from streams.ops.read_model.feed_file import JournalFeed
from streams.ops.read_model.feed_kafka import TopicsFeed
from streams.ops.read_model.follow import Follower, catch_up, open_tables
from streams.ops.read_model.projector import Projector
from streams.ops.read_model.reading import open_reading
from streams.pipeline.dead_letters import bury as dead
from streams.pipeline.ports import Rejected
from streams.problems import UsageProblem, WorldProblem
from streams.service.partition import partition_of
from streams.service.records import letter_record, outbox_record, public_record
from tests import history_rig, service_rig
from tests.fold_rig import cut, packed
from tests.read_model_rig import fill, rows, week

PLACES = {"read_progress", "read_meta"}  # how far was read, and of what: that differs
_LATER = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    return week(tmp_path_factory.mktemp("week"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, lived):
    """The tables after reading the journal from its beginning to its end."""
    place = str(tmp_path_factory.mktemp("whole") / "readmodel.sqlite")
    fill(lived.journal, place)
    return told(place)


def told(place):
    """What the tables say, without where it was read."""
    engine = open_tables(place)
    found = {}
    with engine.connect() as connection:
        for table in tables.METADATA.sorted_tables:
            columns = [one for one in table.columns if one.name not in {"position", "place", "number"}]
            if table.name not in PLACES:
                found[table.name] = sorted(repr(tuple(row)) for row in connection.execute(select(*columns)))
    engine.dispose()
    return found


def portions(journal):
    """The journal in the pieces in which its feed gives it."""
    feed, reached, found = JournalFeed(journal), {}, []
    while (portion := feed.next(reached)) is not None:
        reached = {**reached, **portion.reached}
        found.append(portion)
    feed.close()
    return found


def written(place, pieces):
    """Write pieces as if each had been read behind the one before."""
    engine = open_tables(place)
    projector = Projector(engine)
    for number, portion in enumerate(pieces):
        portion.reached = {("journal", 0): number}
        assert projector.write(portion, projector.reached())
    engine.dispose()
    return told(place)


def only(portion, *names):
    """A copy of a piece with nothing but these parts."""
    kept = {name: getattr(portion, name) for name in names}
    return type(portion)(reached={}, **kept)


EVENTS, REST = ("heard",), ("decided", "letters", "dead", "parked", "parked_whole", "redriven")


def test_decisions_may_come_long_before_their_events(tmp_path, lived, whole):
    """Topics do not wait for each other: a review is answered before it was asked, a case is told before it is known."""
    pieces = portions(lived.journal)
    first = written(
        str(tmp_path / "decisions-first"),
        [only(one, *REST) for one in pieces] + [only(one, *EVENTS) for one in pieces],
    )
    last = written(
        str(tmp_path / "events-first"),
        [only(one, *EVENTS) for one in pieces] + [only(one, *REST) for one in pieces],
    )

    assert whole == last
    assert whole == first


def test_what_comes_twice_counts_once(tmp_path, lived, whole):
    """A worker that died has written the same decisions again; only the events are counted as often as they came."""
    pieces = portions(lived.journal)
    twice = written(
        str(tmp_path / "twice"), [*pieces, *(only(one, *REST) for one in portions(lived.journal))]
    )

    assert whole == twice


def test_it_goes_on_where_it_stopped(tmp_path, lived, whole):
    """A piece that could not be written leaves nothing of itself."""
    place = str(tmp_path / "stopped")
    engine = open_tables(place)
    projector, feed = Projector(engine), JournalFeed(lived.journal)
    projector.begin(feed)
    first = feed.next(projector.reached())
    first.decided[-1] = first.decided[-1].__class__(
        number=1,
        id="dec",
        type="x",
        now=_LATER,
        fact=None,  # nobody can write that
    )
    with pytest.raises(AttributeError):
        projector.write(first, projector.reached())

    assert projector.reached() == {}
    assert not told(place)["read_orders"]
    feed.close()
    engine.dispose()
    fill(lived.journal, place)
    assert whole == told(place)


def test_two_that_fill_the_same_tables_do_not_count_twice(tmp_path, lived, whole):
    """Who was slower writes nothing, and goes on from where the other one is."""
    place = str(tmp_path / "both")
    engine = open_tables(place)
    slow, fast = JournalFeed(lived.journal), JournalFeed(lived.journal)
    projector = Projector(engine)
    projector.begin(slow)
    before = projector.reached()
    portion = slow.next(before)
    catch_up(place, fast)

    assert projector.write(portion, before) is False
    assert whole == told(place)
    slow.close()
    fast.close()
    engine.dispose()


def test_a_journal_that_was_made_anew_is_another_history(tmp_path, lived):
    """What was read of the old one is forgotten."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(lived.journal, folder / "journal.sqlite")
    place = str(tmp_path / "readmodel.sqlite")
    fill(folder / "journal.sqlite", place)
    for file in folder.iterdir():
        file.unlink()
    _, ran, _ = history_rig.lived(tmp_path)
    shutil.copy(ran.data / "journal.sqlite", folder / "journal.sqlite")
    fill(folder / "journal.sqlite", place)
    reading = open_reading(place)
    orders = {one.fact.order_id for one in ran.decisions}

    assert orders
    assert {case.order_id for case in rows(lambda page: reading.open_cases(None, page))} <= orders
    assert history_rig.PLAN.orders <= reading.today().orders < len(lived.orders)
    reading.close()


def test_the_same_events_decided_anew_are_another_history(tmp_path, lived):
    """Somebody has deleted the journal and run the same source through another policy."""
    folder = tmp_path / "data"
    folder.mkdir()
    journal, place = folder / "journal.sqlite", str(tmp_path / "readmodel.sqlite")
    shutil.copy(lived.journal, journal)
    fill(journal, place)
    with sqlite3.connect(journal) as db:
        db.execute("DELETE FROM decisions WHERE type LIKE 'message.%'")
        db.execute(
            "UPDATE decisions SET number = (SELECT count(*) FROM decisions d WHERE d.number <= decisions.number)"
        )
    caught = fill(journal, place)
    reading = open_reading(place)

    assert caught.events > lived.events
    assert reading.ledger(0).states == ()
    assert reading.today().orders == len(lived.orders)
    reading.close()


def test_a_thread_keeps_up_with_a_run_that_writes(tmp_path):
    """What is written appears by itself: an order, its decisions, and a letter that was put back."""
    (tmp_path / "data").mkdir()
    file = history_rig.InFile(tmp_path, tmp_path / "data")
    place = str(tmp_path / "readmodel.sqlite")
    follower = Follower(place, JournalFeed(file.path), pause=0.02)
    follower.start()
    try:
        reading = open_reading(place)
        until(lambda: follower.caught.up_to_date)
        assert reading.order(history_rig.ORDER) is None
        file.move_on()
        until(lambda: reading.order(history_rig.ORDER) is not None)
        bury(file.path)
        until(lambda: reading.letters(None, 0).page.rows)
        (letter,) = reading.letters(None, 0).page.rows
        put_all(file.path.parent, [Note(source="native", raw=b"{}", at=_LATER, key=letter.id)])
        until(lambda: reading.letter(letter.id).redriven_at == _LATER)
        assert (reading.letters(None, 0).groups, reading.today().dead_letters) == ((), 0)
        reading.close()
    finally:
        follower.stop()
    assert follower.caught.problem is None


def bury(path):
    """Let the run set a record aside."""
    journal, batch = Journal(path), Batch()
    batch.dead = [dead("native", "feed:1", Rejected(code="not-json", why="half a line"), b'{"sub', _LATER)]
    journal.commit(batch)
    journal.close()


def until(true):
    """Wait until it is so."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_read_model_that_is_not_there_or_not_ours_is_said(tmp_path, lived):
    """Nobody looks at empty pages and believes that all is well."""
    with pytest.raises(UsageProblem, match="no read model yet"):
        open_reading(str(tmp_path / "absent"))
    assert not (tmp_path / "absent").exists()
    place = tmp_path / "old"
    fill(lived.journal, str(place))
    with sqlite3.connect(place) as db:
        db.execute("UPDATE read_meta SET value = 'of yesterday' WHERE name = 'shape'")
    with pytest.raises(WorldProblem, match="another version"):
        open_reading(str(place))
    fill(lived.journal, str(place))  # whoever may write makes it anew

    assert open_reading(str(place)).today().orders == len(lived.orders)


# ---------------------------------------------------------------------------- Kafka


@pytest.fixture
def topics(kafka, topic_prefix, tmp_path, lived):
    """The same week, as workers would have written it to the topics of a deployment."""
    deployment = service_rig.Deployment(kafka, topic_prefix.rstrip("-"), tmp_path)
    deployment.declare()
    return Topics(deployment, lived)


class Topics:
    """What the journal file holds, put where workers put it."""

    def __init__(self, deployment, lived):
        self.settings, self.topics = deployment.settings, deployment.topics
        journal = Journal(lived.journal)
        blocks = journal._db.execute("SELECT block FROM blocks ORDER BY position").fetchall()
        self.entries = [entry for (block,) in blocks for entry in decode_entries(block)]
        self.decisions = list(journal.decisions())
        self.dead = list(journal.dead_letters())
        journal.close()

    def put(self, topic, values):
        asyncio.run(service_rig.put(self.settings, topic.name, values))

    def put_journal(self):
        parts = cut(self.entries, self.topics.journal.partitions)
        self.heard = sum(map(len, parts))  # every partition has ticks of its own
        self.put(self.topics.journal, [(p, block) for p, part in enumerate(parts) for block in packed(part)])

    def put_decisions(self, *, again=0):
        said = [(self.of(one.fact), public_record(one.id, one.fact, one.now)) for one in self.decisions]
        self.put(self.topics.decisions, [(0, b"somebody else's"), *said, *said[:again]])
        queued = [one for one in self.decisions if isinstance(one.fact, MessageQueued)]
        self.put(
            self.topics.outbox, [(self.of(one.fact), outbox_record([one.fact], [one.now])) for one in queued]
        )
        self.put(self.topics.dead_letters, [(0, letter_record(letter)) for letter in self.dead])

    def of(self, fact):
        return partition_of(fact.order_id, self.topics.journal.partitions)


def test_topics_fill_the_tables_as_the_file_does(topics, tmp_path, whole):
    """Over three partitions, with decisions that stand there twice; and once more changes nothing."""
    topics.put_journal()
    topics.put_decisions(again=300)
    place = str(tmp_path / "readmodel.sqlite")
    feed = TopicsFeed(topics.settings)
    first = catch_up(place, feed)
    second = catch_up(place, feed)
    feed.close()
    from_topics = told(place)

    assert (first.events, second.events) == (topics.heard, 0)
    for table, expected in whole.items():
        if table not in {"read_parked", "read_gauges"}:
            assert expected == from_topics[table], table
    gauges = [row for row in whole["read_gauges"] if "parked" not in row]
    assert gauges == [row for row in from_topics["read_gauges"] if "parked" not in row]


def test_what_comes_later_is_read_on_and_nobody_notices(topics, kafka, tmp_path, whole):
    """Decisions hours behind the journal, in another process; no group is joined."""
    place = str(tmp_path / "readmodel.sqlite")
    topics.put_journal()
    read_on(topics.settings, place)
    assert not told(place)["read_cases"]
    topics.put_decisions()
    read_on(topics.settings, place)

    assert whole["read_cases"] == told(place)["read_cases"]
    assert whole["read_troubles"] == told(place)["read_troubles"]
    with history_rig.admin(kafka.bootstrap) as client:
        assert not [one for one in client.list_groups() if topics.settings.topic_prefix in one["group_id"]]


def read_on(settings, place):
    feed = TopicsFeed(settings)
    catch_up(place, feed)
    feed.close()


def test_topics_that_were_made_anew_are_said(topics, tmp_path):
    """A position behind the end is no position."""
    place = str(tmp_path / "readmodel.sqlite")
    engine = open_tables(place)
    projector = Projector(engine)
    feed = TopicsFeed(topics.settings)
    with pytest.raises(WorldProblem, match="more than there is"):
        feed.next({("journal", 0): 17})
    assert projector.reached() == {}
    feed.close()
    engine.dispose()
