"""One order is told the same wherever it was looked up: a walk through a file or topics, or the read model of either."""

import asyncio
import shutil
import sqlite3

import msgspec
import pytest

from streams.cli import timeline
from streams.codec.blocks import decode_entries
from streams.embedded.journal import Journal
from streams.ops.inquiry import Tables, Walk, inquire, open_tables
from streams.ops.letters import open_letters
from streams.ops.log_file import JournalFile
from streams.ops.log_kafka import JournalTopics
from streams.ops.read_model.feed_file import JournalFeed
from streams.ops.read_model.feed_kafka import TopicsFeed
from streams.ops.read_model.follow import catch_up
from streams.ops.read_model.mails import Mails
from streams.ops.read_model.reading import open_reading
from streams.ops.timeline import tell
from streams.problems import UsageProblem
from streams.service.partition import partition_of
from streams.service.records import letter_record, public_record
from streams.settings import load
from tests import service_rig
from tests.command_line import document, firstword
from tests.fold_rig import cut, packed
from tests.read_model_rig import fill, week

NO_MAILS = Mails(None)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    return week(tmp_path_factory.mktemp("week"))


@pytest.fixture(scope="module")
def walk(lived):
    """The way without any help: the journal file from its beginning."""
    letters = open_letters(load({}, data=lived.journal.parent), kafka=False)
    return Walk(JournalFile(lived.journal), letters, lambda _: 0)


@pytest.fixture(params=["tables", "topics", "tables of topics"])
def book(request, lived, tmp_path):
    """Every other way."""
    place = str(tmp_path / "readmodel.sqlite")
    if request.param == "tables":
        fill(lived.journal, place)
        return open_tables(place, lambda: JournalFeed(lived.journal))
    settings = _topics(request, lived, tmp_path)
    if request.param == "topics":
        count = settings.partitions
        letters = open_letters(settings, kafka=True)
        return Walk(JournalTopics(settings), letters, lambda one: partition_of(one, count))
    feed = TopicsFeed(settings)
    catch_up(place, feed)
    feed.close()
    return open_tables(place, lambda: TopicsFeed(settings))


def _topics(request, lived, tmp_path):
    """The same week in topics, without the scans that wait."""
    prefix = request.getfixturevalue("topic_prefix").rstrip("-")
    deployment = service_rig.Deployment(request.getfixturevalue("kafka"), prefix, tmp_path)
    deployment.declare()
    journal, topics = Journal(lived.journal), deployment.topics
    entries = [entry for position, _ in journal.blocks() for entry in _block(journal, position)]
    parts = enumerate(cut(entries, topics.journal.partitions))
    decisions = [
        (
            partition_of(one.fact.order_id, topics.decisions.partitions),
            public_record(one.id, one.fact, one.now),
        )
        for one in journal.decisions()
    ]
    dead = [(0, letter_record(one)) for one in journal.dead_letters()]
    journal.close()
    _put(deployment, topics.journal, [(p, block) for p, part in parts for block in packed(part)])
    _put(deployment, topics.decisions, decisions)
    _put(deployment, topics.dead_letters, dead)
    return deployment.settings


def _block(journal, position):
    (block,) = journal._db.execute("SELECT block FROM blocks WHERE position = ?", (position,)).fetchone()
    return decode_entries(block)


def _put(deployment, topic, values):
    asyncio.run(service_rig.put(deployment.settings, topic.name, values))


def some(lived):
    """An order of each sort: well, told, held, in doubt, canceled; those that have most to tell."""
    chosen = {}
    for order in lived.orders.values():
        case = order.case
        sort = (
            order.canceled_at is not None,
            case is not None and case.held is not None,
            case is not None and tuple(sorted({sent.status for sent in case.messages})),
        )
        chosen.setdefault(sort, order.order_id)
    return sorted(chosen.values())


def heard(told):
    """A story without the outcomes, which tables keep as what was done, and not as what was heard."""
    return msgspec.structs.replace(
        told, entries=tuple(sorted(told.entries, key=lambda one: (one.at, one.id)))
    )


def test_every_way_tells_the_same_story(book, walk, lived):
    """Events, decisions, why they were made, and where it stands."""
    asked = some(lived)
    assert len(asked) >= 8
    for order_id in asked:
        expected = tell(inquire(walk, order_id, NO_MAILS))

        assert heard(expected) == heard(tell(inquire(book, order_id, NO_MAILS))), order_id


def test_every_way_finds_an_order_by_its_other_names(book, lived):
    """Tracking number, message id and the address of somebody who ordered once."""
    emails = [order.customer.email for order in lived.orders.values() if order.customer is not None]
    order = next(
        one
        for one in lived.orders.values()
        if one.case is not None
        and one.case.messages
        and one.shipments
        and one.replaces is None
        and emails.count(one.customer.email) == 1
    )

    for name in (
        order.shipments[0].tracking_number.lower(),
        order.case.messages[0].message_id,
        order.customer.email,
    ):
        assert order.order_id == inquire(book, name, NO_MAILS).order_id


def test_a_customer_with_several_orders_is_asked_which(book, lived):
    """All of them are named."""
    emails = [order.customer.email for order in lived.orders.values() if order.customer is not None]
    email = next(one for one in emails if emails.count(one) > 2)
    theirs = {
        order.order_id
        for order in lived.orders.values()
        if order.customer is not None and order.customer.email == email
    }

    with pytest.raises(UsageProblem, match=f"{len(theirs)} orders") as raised:
        inquire(book, email, NO_MAILS)
    assert all(order_id in raised.value.hint for order_id in theirs)


def test_a_name_of_nobody_has_near_ones(book):
    """Half an id, and a slip of the finger."""
    for wrong in ("ORD-10", "ORD-1O01"):
        with pytest.raises(UsageProblem, match="nothing in this journal") as raised:
            inquire(book, wrong, NO_MAILS)
        assert "ORD-1" in raised.value.hint


def test_the_command_tells_out_of_topics(request, kafka, topic_prefix, lived, walk, tmp_path):
    """The same story, with the rule behind each decision and what today's policy thinks."""
    settings = _topics(request, lived, tmp_path)
    order = next(one for one in lived.orders.values() if one.case is not None and one.case.messages)
    done = firstword(
        *("timeline", order.order_id, "--kafka", settings.kafka, "--data", tmp_path / "data", "--json"),
        FIRSTWORD_TOPIC_PREFIX=settings.topic_prefix,
        FIRSTWORD_PARTITIONS=str(settings.partitions),
    )
    assert done.returncode == 0, done.stderr
    told = document(done)
    expected = tell(inquire(walk, order.order_id, NO_MAILS))

    assert sorted(one.id for one in expected.entries) == sorted(one["id"] for one in told["entries"])
    assert told["standing"][-1] == f"today's policy, {told['policy']}, decides the same"
    assert {"same"} == {one["today"] for one in told["entries"] if one["who"] == "decided" and one["today"]}


def test_the_command_asks_the_read_model_where_there_is_one(lived, tmp_path):
    """Brought up to date first; without one, or with one of another version, it walks."""
    shutil.copy(lived.journal, tmp_path / "journal.sqlite")
    settings = load({}, data=tmp_path)
    assert isinstance(timeline._book(settings, kafka=False), Walk)
    place = tmp_path / timeline.READ_MODEL
    fill(tmp_path / "journal.sqlite", str(place))
    assert isinstance(timeline._book(settings, kafka=False), Tables)
    with sqlite3.connect(place) as db:
        db.execute("UPDATE read_meta SET value = 'of yesterday' WHERE name = 'shape'")

    assert isinstance(timeline._book(settings, kafka=False), Walk)


def test_a_look_empties_nobodys_tables(tmp_path, lived):
    """Tables that were filled from topics stay as they are when somebody asks about a folder."""
    place = str(tmp_path / "readmodel.sqlite")
    feed = JournalFeed(lived.journal)
    feed.identity = lambda: "topics of another"
    catch_up(place, feed)
    feed.close()

    assert open_tables(place, lambda: JournalFeed(lived.journal)) is None
    reading = open_reading(place)
    assert reading.today().orders == len(lived.orders)
    reading.close()
