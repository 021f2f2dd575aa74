"""Ten simulated days as each kind of history: a journal file, topics, and a recording of the source itself."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from streams import sources
from streams.codec.blocks import Entry, decode_entries, encode_block, to_entry
from streams.codec.envelope import encode_envelope
from streams.codec.registry import encode_fact
from streams.core.events import Event, ExceptionCleared, PaymentApproved
from streams.embedded.journal import Batch, Journal, LoggedDecision
from streams.ops.log_file import JournalFile
from streams.ops.log_kafka import JournalTopics
from streams.ops.recording import Recording, record
from streams.service.partition import partition_of
from streams.service.records import public_record
from streams.service.topics import Topic
from streams.simulate.plan import Plan
from streams.simulate.shop import write
from tests import service_rig
from tests.embedded_runs import Ran, run_history
from tests.fold_rig import cut, packed
from tests.kafka_rig import admin
from tests.service_rig import Deployment

PLAN = Plan(orders=60, days=10, seed=11)
TAKEN_OUT = ("firstword/clock", "firstword/effects")  # what a run adds to its sources
ORDER = "ORD-LATER"
OF_A_TEST = re.compile(r"test-.*-[0-9a-f]{8}-")  # as the fixture `topic_prefix` begins them
_NOON = datetime(2027, 6, 1, 12, tzinfo=UTC)  # long after everything in there
LATER_EVENT = Event(
    id="evt-later",
    source="shop",
    order_id=ORDER,
    occurred_at=_NOON,
    recorded_at=_NOON,
    fact=PaymentApproved(order_id=ORDER),
)
LATER = to_entry(LATER_EVENT)
DECISION = ExceptionCleared(
    decision_id="dec_later",
    order_id=ORDER,
    exception_id="exc_9",
    case_id="cas_9",
    kind="lost",
    subject="1Z",
    severity="major",
)


@cache
def lived(folder: Path) -> tuple[Path, Ran, tuple[Entry, ...]]:
    """The events of ten days, what a run of the whole product left of them, and its journal."""
    shop = write(PLAN, folder / "shop")
    ran = run_history(folder / "run", f"native={shop.events}", until=PLAN.until)
    database = sqlite3.connect(ran.data / "journal.sqlite")
    blocks = database.execute("SELECT block FROM blocks ORDER BY position").fetchall()
    database.close()
    return shop.events, ran, tuple(entry for (block,) in blocks for entry in decode_entries(block))


class InFile:
    """A journal file, copied so that it may be written to."""

    def __init__(self, lived_in: Path, folder: Path) -> None:
        _, ran, entries = lived(lived_in)
        self.path = folder / "journal.sqlite"
        shutil.copy(ran.data / "journal.sqlite", self.path)
        self.events = [[entry.id for entry in entries]]
        self.decided = [[one.id for one in ran.decisions]]

    def open(self) -> JournalFile:
        """The history as it is now."""
        return JournalFile(self.path)

    def move_on(self) -> None:
        """Let the run write another block and a decision."""
        journal = Journal(self.path)
        batch = Batch()
        batch.blocks = [(LATER.recorded_at.isoformat(), 1, encode_block([LATER]))]
        number, now = journal.last_number() + 1, LATER.recorded_at.isoformat()
        row = (number, "dec_later", ORDER, DECISION.TYPE, now, encode_fact(DECISION), 0)
        batch.decisions = [row]
        journal.commit(batch)
        journal.close()
        self.events[0].append(LATER.id)
        self.decided[0].append("dec_later")

    def traces(self) -> object:
        """Everything that an onlooker could have changed."""
        return self.path.read_bytes()


class InTopics:
    """The topics of a deployment; a worker that died has written every fifth decision twice."""

    def __init__(self, lived_in: Path, broker, prefix: str, folder: Path) -> None:
        _, ran, entries = lived(lived_in)
        self.broker = broker
        self._prefix = prefix
        self.deployment = Deployment(broker, prefix, folder)
        self.deployment.declare()
        self.topics = self.deployment.topics
        count = self.topics.journal.partitions
        parts = cut(entries, count)
        self.events = [[entry.id for entry in part] for part in parts]
        said = [
            [one for one in ran.decisions if partition_of(one.fact.order_id, count) == partition]
            for partition in range(count)
        ]
        self.decided = [[one.id for one in part] for part in said]
        self.put(self.topics.journal, [(p, block) for p, part in enumerate(parts) for block in packed(part)])
        self.put(self.topics.decisions, [(0, b"somebody else's"), (1, b'{"specversion":"1.0"}')])
        self.put(self.topics.decisions, [(p, line) for p, part in enumerate(said) for line in _public(part)])

    def put(self, topic: Topic, values: Sequence[tuple[int, bytes]]) -> None:
        """Write records, each into its partition."""
        asyncio.run(service_rig.put(self.deployment.settings, topic.name, list(values)))

    def open(self) -> JournalTopics:
        """The history as it is now."""
        return JournalTopics(self.deployment.settings)

    def move_on(self) -> None:
        """Let workers write another block and a decision."""
        partition = partition_of(ORDER, len(self.events))
        self.put(self.topics.journal, [(partition, encode_block([LATER]))])
        said = public_record("dec_later", DECISION, LATER.recorded_at)
        self.put(self.topics.decisions, [(partition, said)])
        self.events[partition].append(LATER.id)
        self.decided[partition].append("dec_later")

    def traces(self) -> object:
        """Everything that an onlooker could have changed; what other tests do to the same broker is theirs."""
        with admin(self.broker.bootstrap) as client:
            groups = {one["group_id"] for one in client.list_groups()}
        return self._not_of_others(groups), self._not_of_others(self.broker.topics())

    def _not_of_others(self, names: Iterable[str]) -> set[str]:
        return {name for name in names if name.startswith(self._prefix) or not OF_A_TEST.match(name)}


class Recorded:
    """The source of the run, recorded; its file grows afterwards, which is no concern of the history."""

    def __init__(self, lived_in: Path, folder: Path) -> None:
        events, _, entries = lived(lived_in)
        self.path = folder / "events.ndjson"
        shutil.copy(events, self.path)
        heard = [entry for entry in entries if entry.source not in TAKEN_OUT]
        self.events = [[entry.id for entry in part] for part in cut(heard, 3)]
        self.decided: list[list[str]] = [[], [], []]

    def open(self) -> Recording:
        """The history as it is now."""
        return record(sources.discover()["native"], str(self.path), partitions=3)

    def move_on(self) -> None:
        """Let the source tell more."""
        with self.path.open("ab") as file:
            file.write(encode_envelope(LATER_EVENT) + b"\n")
        self.events[partition_of(ORDER, 3)].append(LATER.id)

    def traces(self) -> object:
        """Everything that an onlooker could have changed."""
        return self.path.read_bytes()


def _public(said: Sequence[LoggedDecision]) -> Iterator[bytes]:
    for number, one in enumerate(said):
        line = public_record(one.id, one.fact, one.now)
        yield line
        if number % 5 == 0:
            yield line
