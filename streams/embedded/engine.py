"""Takes records in, folds them, and writes both down together: everything of a run that is not waiting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from streams import telemetry
from streams.clock import stopwatch
from streams.codec.blocks import Entry, encode_block
from streams.codec.registry import encode_fact
from streams.core.events import (
    AnyFact,
    Event,
    FulfillmentCreated,
    MessageDeferred,
    MessageOutcome,
    MessageQueued,
    ReturnLabelIssued,
    ShipmentCreated,
)
from streams.core.policy import Policy
from streams.embedded.journal import Batch, Journal, LoggedDecision, parked_id
from streams.pipeline.correlate import Correlator, number_of
from streams.pipeline.dead_letters import (
    as_native,
    bury,
    is_order,
    no_key,
    no_order,
    unclaimed,
    unfolded,
    unlooked,
)
from streams.pipeline.effects import is_effective
from streams.pipeline.outcomes import outcome_event
from streams.pipeline.ports import Ignored, Incoming, Record, Rejected, Translation
from streams.pipeline.processor import Processor, tick
from streams.pipeline.shape import state_shape

BLOCK_EVENTS = 256  # events per block: beyond it a block saves nothing more per event
SNAPSHOT_EVENTS = (
    200_000  # events between snapshots: a restart folds at most so many again, in about three seconds
)
READ_UNTIL = "read_until"  # the counter that holds when the last record came, in seconds since 1970
_TEACHES = (ShipmentCreated, FulfillmentCreated, ReturnLabelIssued)


class Engine:
    """The state of one run. Nothing in it waits: callers bring the time and take the effects away."""

    def __init__(self, journal: Journal, policy: Policy) -> None:
        self.journal = journal
        self.policy = policy
        self.shape = state_shape()
        self.correlator = Correlator()
        self.counters: dict[str, int] = {
            "in": 0,
            "folded": 0,
            "duplicates": 0,
            "dead_letters": 0,
            "ignored": 0,
        }
        self.pending: list[LoggedDecision] = []
        # Message id -> its decision, while the mail waits for another try.
        self._deferred: dict[str, int] = {}
        self.read_until: datetime | None = None
        self.processor = self._recover()
        self._entries: list[Entry] = []
        self._batch = Batch()
        self._decided: list[LoggedDecision] = []
        self._number = journal.last_number()
        self._since_snapshot = 0

    # ------------------------------------------------------------------------ starting

    def _recover(self) -> Processor:
        journal = self.journal
        started = stopwatch()
        again = 0
        orders, position, now = journal.load_snapshot(self.shape)
        processor = Processor(self.policy, orders)
        processor.now = now
        for _, events in journal.blocks(after=position):
            for event in events:
                # What was decided then stands in the file already, in the same transaction as the block.
                processor.fold(event)
                again += 1
        self.counters.update(journal.counters())
        for number, owner in journal.owners():
            self.correlator.owners[number] = owner
        for waiting in journal.parked():
            self.correlator.restore(waiting)
        self.pending = journal.pending()
        telemetry.journal_recovered(
            place=str(journal.path), events=again, orders=len(processor.orders), seconds=stopwatch() - started
        )
        return processor

    @property
    def now(self) -> datetime | None:
        """How far recorded time has come."""
        return self.processor.now

    @property
    def buffered(self) -> int:
        """Records that are taken and not yet written: events, and dead letters, which weigh more."""
        return len(self._entries) + len(self._batch.dead) + len(self._batch.parked)

    # ------------------------------------------------------------------------ taking in

    def take(
        self, record: Record, translation: Translation, now: datetime, location: str | None = None
    ) -> None:
        """Take what a record said. ``location`` names the source's position to resume from."""
        if location is not None:
            self._batch.intake[location] = record.position
        if isinstance(translation, Rejected):
            self.counters["in"] += 1
            self._bury(record.source, record.place, translation, record.raw, now)
        elif isinstance(translation, Ignored):
            self.counters["ignored"] += 1
        else:
            for incoming in translation:
                self.counters["in"] += 1
                self._admit(incoming, record.place, now)

    def _admit(self, incoming: Incoming, place: str, now: datetime) -> None:
        if incoming.order_id is None:
            placed = self.correlator.place(incoming)
            if placed is None:
                self._park(incoming, place, now)
                return
            incoming = placed
        assert incoming.order_id is not None
        if not (is_order(incoming.order_id) and is_order(getattr(incoming.fact, "replaces", None))):
            self._bury_event(incoming, place, no_order(), now)
        elif self._fold_incoming(incoming, place, now) and isinstance(incoming.fact, _TEACHES):
            self._learn(incoming.order_id, incoming.fact, now)

    def _fold_incoming(self, incoming: Incoming, place: str, now: datetime) -> bool:
        """Fold what came in; False when the order could not take it, which must not stop all others."""
        assert incoming.order_id is not None
        before = self.processor.duplicates
        data = incoming.data if incoming.data is not None else encode_fact(incoming.fact)
        event = Event(
            id=incoming.id,
            source=incoming.source,
            order_id=incoming.order_id,
            occurred_at=incoming.occurred_at,
            recorded_at=now,
            fact=incoming.fact,
        )
        try:
            self._fold(event, data)
        except Exception as error:  # noqa: BLE001 - a mistake of ours in one order must not stop the others
            self._bury_event(incoming, place, unfolded(error), now)
            return False
        self.counters["duplicates" if self.processor.duplicates > before else "folded"] += 1
        return True

    def _park(self, incoming: Incoming, place: str, now: datetime) -> None:
        if not number_of(incoming):
            self._bury_event(incoming, place, no_key(), now)
            return
        if self.correlator.waits(incoming):
            self.counters["duplicates"] += 1
            return
        parked = self.correlator.park(incoming, place, now)
        # A batch inserts first and deletes then: what expired a moment ago and comes again must stay.
        self._batch.unparked = [one for one in self._batch.unparked if one != parked_id(parked)]
        self._batch.parked.append(parked)
        telemetry.scan_parked(source=incoming.source, event_id=incoming.id)

    def _learn(self, order_id: str, fact: AnyFact, now: datetime) -> None:
        key = self.correlator.learn(order_id, fact)
        if key is None:
            return
        self._batch.tracking[key] = self.correlator.owners[key]
        for waiting in self.correlator.claim(key):
            self._batch.unparked.append(parked_id(waiting))
            placed = self.correlator.place(waiting.incoming)
            assert placed is not None  # its tracking number was learned a moment ago
            self._fold_incoming(placed, waiting.place, now)

    # ------------------------------------------------------------------------ time and outcomes

    def next_alarm(self) -> datetime | None:
        """Return when an order or a parked scan wants attention, or None."""
        alarms = [at for at in (self.processor.next_alarm(), self.correlator.next_expiry()) if at is not None]
        return min(alarms) if alarms else None

    def is_due(self, to: datetime) -> bool:
        """True when an order or a parked scan wants attention no later than ``to``."""
        expiry = self.correlator.next_expiry()
        return self.processor.is_due(to) or (expiry is not None and expiry <= to)

    def pass_time(self, now: datetime, *, always: bool = False) -> None:
        """Write down that time has come to ``now``; wake whoever is due, and bury scans nobody claimed.

        Time at which nobody is due is not worth a record, unless ``always``.
        """
        for gone in self.correlator.expire(now):
            self._batch.unparked.append(parked_id(gone))
            self._bury_event(gone.incoming, gone.place, unclaimed(gone), now)
        due = self.processor.next_alarm()
        if always or (due is not None and due <= now):
            moment = tick(now)
            self._fold(moment, encode_fact(moment.fact))
            for silence, error in self.processor.take_failures():
                # Nothing came in, so nothing is counted; and nobody sent it, so nobody can send it again.
                self._batch.dead.append(unlooked(silence, error, f"a look at {silence.order_id}"))

    def settle(self, number: int | None, outcomes: Iterable[AnyFact], now: datetime) -> None:
        """Take what came of a decision (or of a retried mail) by the front door, and mark it done.

        A deferred mail is not done: it stays pending until its end is written down here, so that a
        process that dies between the relay's answer and this commit asks the ledger again.
        """
        waits = False
        for fact in outcomes:
            if isinstance(fact, MessageDeferred):
                waits = True
                if number is not None:
                    self._deferred[fact.message_id] = number
            elif isinstance(fact, MessageOutcome):
                waited = self._deferred.pop(fact.message_id, number)
                if waited is not None and waited != number:
                    self._batch.done.append(waited)
            event = outcome_event(fact, now)
            self._fold(event, encode_fact(fact), is_outcome=True)
            if isinstance(fact, _TEACHES):
                self._learn(event.order_id, fact, now)
        if number is not None and not waits:
            self._batch.done.append(number)

    # ------------------------------------------------------------------------ writing down

    def commit(self) -> None:
        """Write everything since the last commit in one transaction; then effects may happen.

        Raises:
            WorldProblem: it could not be written; the process should stop and start again.
        """
        if self._entries:
            last = self._entries[-1].recorded_at.isoformat()
            parts = (
                self._entries[start : start + BLOCK_EVENTS]
                for start in range(0, len(self._entries), BLOCK_EVENTS)
            )
            # Made anew at every try: after a full disk the same entries are written once, not twice.
            self._batch.blocks = [(last, len(part), encode_block(part)) for part in parts]
        if self.read_until is not None:
            self.counters[READ_UNTIL] = int(self.read_until.timestamp())
        self._batch.counters = self.counters
        self.journal.commit(self._batch)
        self._since_snapshot += len(self._entries)
        self._entries = []
        self._batch = Batch()
        self.pending.extend(self._decided)
        self._decided = []
        if self._since_snapshot >= SNAPSHOT_EVENTS:
            self.snapshot()

    def take_pending(self, mails: int | None = None) -> Sequence[LoggedDecision]:
        """Return the written decisions that want to be made true, in their order, and forget them here.

        Of mails no more than so many: the others stay, and hold nothing else up.
        """
        pending, self.pending = self.pending, []
        if mails is None or len(pending) <= mails:
            return pending
        taken = []
        for one in pending:
            if not isinstance(one.fact, MessageQueued):
                taken.append(one)
            elif mails > 0:
                mails -= 1
                taken.append(one)
            else:
                self.pending.append(one)
        return taken

    @property
    def wants_effects(self) -> bool:
        """True when something was decided that somebody must make true."""
        return bool(self._decided or self.pending)

    def snapshot(self) -> None:
        """Write the orders that changed, so that the next start folds only what comes behind."""
        processor = self.processor
        # In the order of the table's key: SQLite appends to its tree instead of searching it.
        touched = [processor.orders[order_id] for order_id in sorted(processor.touched)]
        self.journal.snapshot(touched, self.journal.last_position(), processor.now, self.shape)
        processor.touched = set()
        self._since_snapshot = 0

    # ------------------------------------------------------------------------ inside

    def _fold(self, event: Event, data: bytes, *, is_outcome: bool = False) -> None:
        """Fold an event and log what was decided; an outcome is logged itself, before what follows from it."""
        known = self.processor.duplicates
        decisions = self.processor.fold(event)
        if is_outcome and self.processor.duplicates == known:
            self._log(event.id, event.order_id, event.fact.TYPE, event.recorded_at, data, pending=False)
        self._entries.append(
            Entry(
                event.order_id,
                event.id,
                event.source,
                event.fact.TYPE,
                event.occurred_at,
                event.recorded_at,
                data,
            )
        )
        if not decisions:
            return
        now = self.processor.now
        assert now is not None
        for decision in decisions:
            effective = is_effective(decision)
            self._log(
                decision.decision_id,
                decision.order_id,
                decision.TYPE,
                now,
                encode_fact(decision),
                pending=effective,
            )
            if effective:
                self._decided.append(
                    LoggedDecision(
                        number=self._number,
                        id=decision.decision_id,
                        type=decision.TYPE,
                        now=now,
                        fact=decision,
                    )
                )

    def _log(
        self, identity: str, order_id: str, wire_type: str, now: datetime, body: bytes, *, pending: bool
    ) -> None:
        self._number += 1
        row = (self._number, identity, order_id, wire_type, now.isoformat(), body, int(pending))
        self._batch.decisions.append(row)

    def _bury_event(self, incoming: Incoming, place: str, reason: Rejected, now: datetime) -> None:
        """Bury what was understood already as a CloudEvent: it can be sent again under its own id."""
        self._bury("native", place, reason, as_native(incoming), now)

    def _bury(self, source: str, place: str, reason: Rejected, raw: bytes, now: datetime) -> None:
        self.counters["dead_letters"] += 1
        letter = bury(source, place, reason, raw, now)
        self._batch.dead.append(letter)
        telemetry.dead_letter_written(source=source, place=place, code=reason.code)
