"""Makes queued messages true, once: claim, render, compose, deliver, settle.

Whatever the stream repeats and whenever the process dies, the ledger decides what may still happen. See
``ledger.py`` for the drawing; this module only walks along its arrows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from streams.core.events import MessageOutcome, MessageQueued
from streams.mail import ledger as rules
from streams.mail.address import Mailbox, Unusable, check_address
from streams.mail.compose import compose
from streams.mail.group_commit import GroupCommit
from streams.mail.identity import Identity
from streams.mail.ledger import Claim, DoubtRule, Ledger, Row, Swap
from streams.mail.outcomes import Delivery, OurFault, Permanent, Withheld
from streams.mail.transport import Envelope, Transport
from streams.pipeline.ports import Attachment, Renderer
from streams.problems import Problem

AttachmentsOf = Callable[[MessageQueued], tuple[Attachment, ...]]
Alarm = Callable[[MessageQueued, OurFault], None]


def no_attachments(message: MessageQueued) -> tuple[Attachment, ...]:  # noqa: ARG001 - the port's signature
    """Return nothing, for templates that travel alone."""
    return ()


def no_alarm(message: MessageQueued, fault: OurFault) -> None:
    """Ring nowhere; the outcome still tells."""


class LedgerSender:
    """The pipeline's ``Sender`` over a ledger and a transport; belongs to one event loop.

    ``owner`` names the place that sends (a process or a partition), the same after every restart: a new
    sender of the same owner knows that the one before is dead. ``alarm`` is called when a relay refuses us
    and not the customer (5.7.x): somebody must act. ``doubt_rules`` says per template whether a mail of
    unknown fate is left to a person (``leave``, the default) or sent once more under the same id.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        transport: Transport,
        renderer: Renderer,
        identity: Identity,
        owner: str,
        attachments: AttachmentsOf = no_attachments,
        doubt_rules: Mapping[str, DoubtRule] | None = None,
        alarm: Alarm = no_alarm,
    ) -> None:
        self._ledger = ledger
        self._transport = transport
        self._renderer = renderer
        self._identity = identity
        self._attachments = attachments
        self._doubt_rules = doubt_rules or {}
        self._alarm = alarm
        self._owner = owner
        self._generation = ledger.enroll(owner)
        self._commits = GroupCommit(ledger)
        self._cases = _Turns()
        # Twice the connections: one mail is rendered while another is under way, and not a thousand.
        self._room = asyncio.Semaphore(2 * transport.concurrency)
        self._under_way = 0

    # ------------------------------------------------------------------------ the port

    async def send(self, message: MessageQueued, now: datetime) -> tuple[MessageOutcome, ...]:
        """Claim, send and settle; a message already settled says so again, without being delivered.

        Returns nothing for a message that was withdrawn, or that another living sender is working on.

        Raises:
            streams.problems.WorldProblem: the ledger cannot be written; nothing was sent unrecorded.
        """
        async with self._cases.of(message.case_id):
            claim = await self._commits.claim(
                rules.claimed(message, now, self._owner, self._generation),
            )
            if not claim.fresh:
                resumed = await self._resume(claim, now)
                if not isinstance(resumed, Claim):
                    return resumed
                claim = resumed
            return await self._attempt(message, claim, now)

    async def retry_due(self, now: datetime) -> tuple[MessageOutcome, ...]:
        """Try deferred messages whose time has come."""
        tries = [self._retry(row, now) for row in self._ledger.due(now)]
        return _flat(await asyncio.gather(*tries))

    def next_retry(self) -> datetime | None:
        """Return when the next deferred message wants another try."""
        return self._ledger.next_due()

    def withdraw(self, message_id: str, now: datetime) -> bool:
        """Forget a message that has not been sent; False when it is too late.

        A message that has not come yet is withdrawn too: it finds the door closed when it does.
        """
        claim = self._ledger.write([rules.tombstone(message_id, now)]).claims[0]
        row = claim.row
        while row.state in {"claimed", "deferred"}:
            if self._swap_now(row, rules.withdrawn(row, now)):
                return True
            row = self._ledger.find(message_id) or row
        return row.state == "withdrawn"

    # ------------------------------------------------------------------------ after a crash, and by hand

    def recover(self, now: datetime) -> tuple[MessageOutcome, ...]:
        """Settle what a dead sender left unfinished, and return what became of it; call it once at start.

        ``sending`` becomes ``in_doubt``, unless the transport knows what happened or the template's rule
        is to send once more. ``claimed`` was certainly not sent, and is due at once.
        """
        orphans = [
            row
            for row in self._ledger.unfinished()
            if rules.is_orphan(row, now, self._owner, self._generation)
        ]
        after = [(row, self._after_death(row, now)) for row in orphans]
        return _flat(
            rules.outcome(new) for old, new in after if self._swap_now(old, new) and old.state == "sending"
        )

    def reopen(self, message_id: str, now: datetime) -> bool:
        """Give a refused or doubtful message another round of attempts, because a person decided so."""
        row = self._ledger.find(message_id)
        if row is None or row.state not in {"refused", "in_doubt"} or row.letter is None:
            return False
        return self._swap_now(row, rules.reopened(row, now))

    async def close(self) -> None:
        """Write what waits and let go of connections."""
        await self._commits.close()
        await self._transport.close()

    # ------------------------------------------------------------------------ steps

    async def _retry(self, waiting: Row, now: datetime) -> tuple[MessageOutcome, ...]:
        async with self._cases.of(waiting.case_id):
            claim = await self._commits.claim(waiting)
            if (claim.row.state, claim.row.attempt) != ("deferred", waiting.attempt):
                return ()  # somebody else was faster, or it was withdrawn: theirs to tell
            resumed = await self._resume(claim, now)
            if not isinstance(resumed, Claim):
                return resumed
            assert waiting.letter is not None  # only accepted, suppressed and withdrawn rows drop it
            return await self._attempt(_queued(waiting.letter), resumed, now)

    async def _resume(self, claim: Claim, now: datetime) -> Claim | tuple[MessageOutcome, ...]:
        """Take a known message over if it may be sent now; otherwise return what is known of it."""
        row = claim.row
        is_idle = self._is_idle(row, now)
        is_due = row.state == "deferred" and row.next_attempt_at is not None and row.next_attempt_at <= now
        if row.state == "sending" and is_idle:
            return await self._settle(row, self._after_death(row, now))
        if is_due and rules.is_too_late(row, now):
            return await self._settle(row, rules.refused(row, f"too late to be sent: {row.reply}", now))
        if not (is_due or (row.state == "claimed" and is_idle)):
            return rules.outcome(row)
        taken = rules.reclaimed(row, now, self._owner, self._generation)
        if not await self._commits.swap(row, taken):
            return ()
        return msgspec.structs.replace(claim, row=taken)

    def _is_idle(self, row: Row, now: datetime) -> bool:
        """Return whether nobody works on an unfinished row of the case whose turn we hold.

        An unfinished row of our own generation was left by a task that was canceled or broke: were it still
        at work, it would hold the turn.
        """
        is_ours = (row.claimed_by, row.generation) == (self._owner, self._generation)
        return is_ours or rules.is_orphan(row, now, self._owner, self._generation)

    async def _attempt(
        self, message: MessageQueued, claim: Claim, now: datetime
    ) -> tuple[MessageOutcome, ...]:
        row = claim.row
        mailbox = _reachable(message, claim)
        if isinstance(mailbox, Unusable):
            return await self._settle(row, rules.suppressed(row, mailbox.why, now))
        async with self._room:
            self._under_way += 1
            try:
                end = await self._make_true(message, claim, mailbox, now)
            finally:
                self._under_way -= 1
        # While others are under way one of them is about to write `sending`: our end goes along with it.
        return () if end is None else await self._settle(*end, patient=self._under_way > 0)

    async def _make_true(
        self, message: MessageQueued, claim: Claim, mailbox: Mailbox, now: datetime
    ) -> tuple[Row, Row] | None:
        """Render and deliver; return the row as the ledger holds it and as it ends, or None when it was withdrawn."""
        row = claim.row
        try:
            ready, envelope = self._compose(message, claim, mailbox)
        except Problem as problem:
            return row, _not_composed(row, problem, now)
        except Exception as error:  # noqa: BLE001 - one strange letter must not stop all others
            # Its text is left out: it may quote the letter.
            strange = Problem("mail-compose", f"unexpected {type(error).__name__} while rendering")
            return row, _not_composed(row, strange, now)
        return await self._deliver(message, ready, envelope, now)

    def _compose(self, message: MessageQueued, claim: Claim, mailbox: Mailbox) -> tuple[Row, Envelope]:
        rendered = self._renderer.render(message)
        subject = claim.first_subject or rendered.subject
        content = compose(
            message,
            rendered,
            self._attachments(message),
            identity=self._identity,
            to=mailbox.address,
            first_subject=subject,
            date=claim.row.queued_at,
        )
        envelope = Envelope(
            message_id=message.message_id,
            sender=self._identity.return_path(message.message_id),
            recipient=mailbox.address,
            content=content,
        )
        return msgspec.structs.replace(claim.row, subject=subject), envelope

    async def _deliver(
        self, message: MessageQueued, row: Row, envelope: Envelope, now: datetime
    ) -> tuple[Row, Row] | None:
        """Hand it over; the row becomes ``sending`` at the last moment at which it can still be stopped."""
        stands = row  # what the ledger holds, for the compare-and-set

        async def before_dot() -> bool:
            nonlocal stands
            sending = msgspec.structs.replace(row, state="sending", updated_at=now)
            if not await self._commits.swap(row, sending):
                return False
            stands = sending
            return True

        delivery = await self._transport.deliver(envelope, before_dot)
        if isinstance(delivery, Withheld):
            return None
        self._heed(message, delivery, now)
        rule = self._doubt_rules.get(message.template, "leave")
        return stands, rules.settled(stands, delivery, now, rule)

    def _heed(self, message: MessageQueued, delivery: Delivery, now: datetime) -> None:
        """Draw the conclusions that reach beyond this message."""
        if isinstance(delivery, Permanent) and delivery.suppress:
            self._ledger.bar(message.to_hash, f"the mailbox does not exist: {delivery.enhanced}", now)
        if isinstance(delivery, OurFault):
            self._alarm(message, delivery)

    async def _settle(self, old: Row, new: Row, *, patient: bool = False) -> tuple[MessageOutcome, ...]:
        """Write the end down, and tell it; who was declared dead meanwhile has nothing to tell."""
        return rules.outcome(new) if await self._commits.swap(old, new, patient=patient) else ()

    def _after_death(self, row: Row, now: datetime) -> Row:
        if row.state == "claimed":
            return rules.due_now(row, "interrupted before it was sent", now)
        happened = self._transport.evidence(row.message_id)
        if happened is None:
            rule = self._doubt_rules.get(row.template, "leave")
            return rules.doubted(row, "interrupted after the final dot may have gone out", now, rule)
        if happened:
            return rules.found_delivered(row, now)
        return rules.due_now(row, "interrupted before it was sent", now)

    def _swap_now(self, old: Row, new: Row) -> bool:
        return self._ledger.write(swaps=[Swap(old=old, new=new)]).swaps[0]


def _reachable(message: MessageQueued, claim: Claim) -> Mailbox | Unusable:
    if claim.barred is not None:
        return Unusable(why=claim.barred)
    if message.letter is None:
        return Unusable(why="the message came without its letter")
    return check_address(message.letter.to)


def _not_composed(row: Row, problem: Problem, now: datetime) -> Row:
    """Return the row of a mail that has no words: for a person, unless the problem passes by itself."""
    reply = f"not composed: {problem.what} [{problem.code}]"
    return rules.deferred(row, reply, now) if problem.retriable else rules.refused(row, reply, now)


def _queued(letter: bytes) -> MessageQueued:
    return msgspec.msgpack.decode(letter, type=MessageQueued)


def _flat(outcomes: Iterable[tuple[MessageOutcome, ...]]) -> tuple[MessageOutcome, ...]:
    return tuple(outcome for some in outcomes for outcome in some)


class _Turns:
    """One at a time per case, so that the mails of a case go out in order and agree on their subject."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, case_id: str) -> AsyncIterator[None]:
        lock, waiting = self._locks.get(case_id, (asyncio.Lock(), 0))
        self._locks[case_id] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks.pop(case_id)
            if waiting > 1:
                self._locks[case_id] = lock, waiting - 1
