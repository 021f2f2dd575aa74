"""Makes queued messages true, once: claim, render, compose, deliver, settle.

Whatever the stream repeats and whenever a process dies, the ledger decides what may still happen. See
``ledger.py`` for the drawing; this module only walks along its arrows. Several senders may share a ledger:
each touches what is its own, what waits, and what a dead one left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from streams.clock import stopwatch
from streams.core.events import MessageOutcome, MessageQueued
from streams.mail import ledger as rules
from streams.mail.address import Mailbox, Unusable, check_address
from streams.mail.compose import compose
from streams.mail.group_commit import GroupCommit
from streams.mail.headers import SUBJECT_LIMIT, clean
from streams.mail.identity import Identity
from streams.mail.ledger import Claim, DoubtRule, Ledger, Row, Swap, Told
from streams.mail.loose_ends import LooseEnds
from streams.mail.outcomes import Delivery, OurFault, Permanent, Withheld
from streams.mail.transport import Envelope, Transport
from streams.mail.turns import Turns
from streams.mail.words_at_hand import WordsAtHand
from streams.pipeline.ports import Attachment, Pin, PinningRenderer
from streams.problems import Problem

AttachmentsOf = Callable[[MessageQueued], tuple[Attachment, ...]]
IdentityOf = Callable[[str], Identity]
Alarm = Callable[[MessageQueued, OurFault], None]

# How often somebody looks after the processes that died and do not come back: what they left is an orphan
# for a quarter of a lease at most.
_LOOK_AFTER = rules.LEASE / 4


def no_attachments(message: MessageQueued) -> tuple[Attachment, ...]:  # noqa: ARG001 - the port's signature
    """Return nothing, for templates that travel alone."""
    return ()


def no_alarm(message: MessageQueued, fault: OurFault) -> None:
    """Ring nowhere; the outcome still tells."""


class LedgerSender:
    """The pipeline's ``Sender`` over a ledger and a transport; belongs to one event loop.

    ``owner`` names the process that sends, the same after every restart: a new sender of the same owner
    takes the one before for dead at once, a stranger only when its lease has run out. So no two that live
    may have the same name, and a partition is no owner: it moves while its mails are under way. ``alarm``
    is called when a relay refuses us and not the customer (5.7.x): somebody must act. ``identity`` is who
    writes, or says by the version of the words who did. ``doubt_rules`` says per template whether a mail of
    unknown fate is left to a person (``leave``, the default) or sent once more under the same id.
    ``until_told`` keeps every outcome marked in the ledger until it is noted as told: for those who cannot
    write down what they hear in the same breath.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        transport: Transport,
        renderer: PinningRenderer,
        identity: Identity | IdentityOf,
        owner: str,
        attachments: AttachmentsOf = no_attachments,
        doubt_rules: Mapping[str, DoubtRule] | None = None,
        alarm: Alarm = no_alarm,
        until_told: bool = False,
    ) -> None:
        self._ledger = ledger
        self._transport = transport
        self._renderer = renderer
        self._identity_of = identity if callable(identity) else lambda _version: identity
        self._attachments = attachments
        self._doubt_rules = doubt_rules or {}
        self._alarm = alarm
        self._until_told = until_told
        self._owner = owner
        self._generation = ledger.enroll(owner)
        self._commits = GroupCommit(ledger)
        self._words = WordsAtHand(ledger, self._commits, renderer)
        self._cases = Turns()
        self._loose_ends = LooseEnds()
        self._handed: list[Told] = []  # outcomes of a person's that were told in the last round
        self._look_at: datetime | None = None  # when to look after other processes, once recovered
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
        begun = stopwatch()
        async with self._cases.of(message.case_id):
            try:
                outcomes = await self._send(message, now, begun)
            except BaseException:
                self._loose_ends.keep(message.message_id, now)
                raise
            self._loose_ends.drop(message.message_id)
            return outcomes

    async def retry_due(self, now: datetime) -> tuple[MessageOutcome, ...]:
        """Try messages whose time has come: deferred ones, broken off ones, and those of dead processes.

        What a person has settled in the ledger meanwhile is told with the rest.

        Raises:
            streams.problems.WorldProblem: the ledger cannot be used, and nothing is to be told.
        """
        tries = [_kept(self._retry(row, now)) for row in self._worth_a_try(now)]
        ends = [*await asyncio.gather(*tries), await _kept(self._look_after_others(now))]
        ends.append(await _kept(self._hear_of_hands(now)))
        outcomes = _flat(end for end in ends if not isinstance(end, Problem))
        problems = [end for end in ends if isinstance(end, Problem)]
        if problems and not outcomes:
            raise problems[0]
        return outcomes  # whoever met a problem is tried again, and must not silence the others

    def next_retry(self) -> datetime | None:
        """Return when to call :meth:`retry_due` again."""
        by_hand = None if self._until_told else self._ledger.next_untold()
        moments = (self._ledger.next_due(), self._loose_ends.next_due(), self._look_at, by_hand)
        return min((moment for moment in moments if moment is not None), default=None)

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

    def bar(self, to_hash: str, why: str, now: datetime) -> None:
        """Write to an address no more, for whatever order: what is claimed from now on is suppressed.

        ``to_hash`` must be that of a mail we wrote (``streams.core.ids.address_hash``), never a stranger's word.
        A mail under way is let go; one that waits is suppressed when its time comes. The first reason stands. An
        empty hash stands for nobody.

        Raises:
            streams.problems.WorldProblem: the ledger cannot be written; nobody is barred.
        """
        if to_hash:
            self._ledger.bar(to_hash, rules.publishable(why), now)

    def is_barred(self, to_hash: str) -> bool:
        """Return whether an address is written to no more.

        Raises:
            streams.problems.WorldProblem: the ledger cannot be read.
        """
        return self._ledger.is_barred(to_hash)

    # ------------------------------------------------------------------------ after a crash, and by hand

    def recover(self, now: datetime) -> tuple[MessageOutcome, ...]:
        """Settle what a dead sender left unfinished, and return what became of it; call it once at start.

        ``sending`` becomes ``in_doubt``, unless the transport knows what happened or the template's rule
        is to send once more. ``claimed`` was certainly not sent, and is due at once. What a living sender
        works on is left alone.
        """
        return self._adopt(self._ledger.unfinished(), now)

    async def _look_after_others(self, now: datetime) -> tuple[MessageOutcome, ...]:
        """Settle what other processes left when they died for good; one that lives has no row so old."""
        if self._look_at is None or now < self._look_at:
            return ()
        return self._adopt(self._ledger.unfinished(now - rules.LEASE), now)

    async def _hear_of_hands(self, now: datetime) -> tuple[MessageOutcome, ...]:
        """Return what a person settled in the ledger; noted as told a round later, when it is written down."""
        if self._handed:
            self._ledger.told(self._handed)
        # With ``until_told`` others see to all that nobody has heard of.
        rows = [] if self._until_told else self._ledger.untold(now)
        self._handed = [Told(message_id=row.message_id, state=row.state, attempt=row.attempt) for row in rows]
        return _flat(rules.outcome(row) for row in rows)

    def _adopt(self, unfinished: Iterable[Row], now: datetime) -> tuple[MessageOutcome, ...]:
        if self._ledger.shared:
            self._look_at = now + _LOOK_AFTER
        orphans = [row for row in unfinished if rules.is_orphan(row, now, self._owner, self._generation)]
        if not orphans:
            return ()
        swaps = [Swap(old=row, new=self._adopted(row, now)) for row in orphans]
        won = self._ledger.write(swaps=swaps).swaps  # all or none: what was settled is told
        return _flat(
            rules.outcome(swap.new)
            for swap, is_ours in zip(swaps, won, strict=True)
            if is_ours and swap.old.state == "sending"
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

    async def _send(self, message: MessageQueued, now: datetime, begun: float) -> tuple[MessageOutcome, ...]:
        pin = await self._words.choose(message, now)
        claim = await self._commits.claim(rules.claimed(message, now, self._owner, self._generation, pin))
        if not claim.fresh:
            resumed = await self._resume(claim, now)
            if not isinstance(resumed, Claim):
                return resumed
            claim = resumed
        return await self._attempt(message, claim, now, begun)

    def _worth_a_try(self, now: datetime) -> list[Row]:
        rows = {row.message_id: row for row in self._ledger.due(now)}
        for message_id in self._loose_ends.due(now):
            row = self._ledger.find(message_id)
            if row is None:
                self._loose_ends.drop(message_id)  # never claimed: whoever wanted it sent wants it still
            else:
                rows[message_id] = row
        return list(rows.values())

    async def _retry(self, waiting: Row, now: datetime) -> tuple[MessageOutcome, ...]:
        begun = stopwatch()
        async with self._cases.of(waiting.case_id):
            try:
                outcomes = await self._send_again(waiting, now, begun)
            except BaseException:
                self._loose_ends.keep(waiting.message_id, now)
                raise
            self._loose_ends.drop(waiting.message_id)
            return outcomes

    async def _send_again(self, waiting: Row, now: datetime, begun: float) -> tuple[MessageOutcome, ...]:
        claim = await self._commits.claim(waiting)
        if (claim.row.state, claim.row.attempt) != (waiting.state, waiting.attempt):
            return ()  # somebody else was faster, or it was withdrawn: theirs to tell
        resumed = await self._resume(claim, now)
        if not isinstance(resumed, Claim):
            return resumed
        assert waiting.letter is not None  # only accepted, suppressed and withdrawn rows drop it
        return await self._attempt(_queued(waiting.letter), resumed, now, begun)

    async def _resume(self, claim: Claim, now: datetime) -> Claim | tuple[MessageOutcome, ...]:
        """Take a known message over if it may be sent now; otherwise return what is known of it."""
        row = claim.row
        is_idle = self._is_idle(row, now)
        is_due = row.state == "deferred" and row.next_attempt_at is not None and row.next_attempt_at <= now
        if row.state == "sending" and is_idle:
            known = self._loose_ends.end_of(row, now) if self._is_ours(row) else None
            return await self._settle(row, known or self._after_death(row, now))
        if is_due and rules.is_too_late(row, now):
            return await self._settle(row, rules.refused(row, f"too late to be sent: {row.reply}", now))
        if not (is_due or (row.state == "claimed" and is_idle)):
            return rules.outcome(row)
        taken = rules.reclaimed(row, now, self._owner, self._generation)
        if not row.template_version and row.letter is not None:
            taken = rules.pinned(taken, await self._words.choose(_queued(row.letter), now))
        if not await self._commits.swap(row, taken):
            return ()
        return msgspec.structs.replace(claim, row=taken)

    def _is_idle(self, row: Row, now: datetime) -> bool:
        """Return whether nobody works on an unfinished row of the case whose turn we hold.

        An unfinished row of our own generation was left by a task that was canceled or broke: were it still
        at work, it would hold the turn.
        """
        return self._is_ours(row) or rules.is_orphan(row, now, self._owner, self._generation)

    def _is_ours(self, row: Row) -> bool:
        return (row.claimed_by, row.generation) == (self._owner, self._generation)

    async def _attempt(
        self, message: MessageQueued, claim: Claim, now: datetime, begun: float
    ) -> tuple[MessageOutcome, ...]:
        row = claim.row
        mailbox = _reachable(message, claim)
        if isinstance(mailbox, Unusable):
            return await self._settle(row, rules.suppressed(row, mailbox.why, now))
        async with self._room:
            self._under_way += 1
            try:
                end = await self._make_true(message, claim, mailbox, now, begun)
            finally:
                self._under_way -= 1
        # While others are under way one of them is about to write `sending`: our end goes along with it.
        return () if end is None else await self._settle(*end, patient=self._under_way > 0)

    async def _make_true(
        self, message: MessageQueued, claim: Claim, mailbox: Mailbox, now: datetime, begun: float
    ) -> tuple[Row, Row] | None:
        """Render and deliver; return the row as the ledger holds it and as it ends, or None when it was withdrawn."""
        row = claim.row
        try:
            await self._words.recall(row)
            ready, envelope = self._compose(message, claim, mailbox)
        except Problem as problem:
            return row, _not_composed(row, problem, now)
        except Exception as error:  # noqa: BLE001 - one strange letter must not stop all others
            # Its text is left out: it may quote the letter.
            strange = Problem("mail-compose", f"unexpected {type(error).__name__} while rendering")
            return row, _not_composed(row, strange, now)
        return await self._deliver(message, ready, envelope, now, begun)

    def _compose(self, message: MessageQueued, claim: Claim, mailbox: Mailbox) -> tuple[Row, Envelope]:
        identity = self._identity_of(claim.row.template_version)
        pin = msgspec.structs.replace(claim.row.pin, at=claim.row.queued_at)
        rendered = self._renderer.render(message, pin)
        kept = None if rendered.own_subject else claim.first_subject
        subject = kept or clean(rendered.subject, SUBJECT_LIMIT)
        content = compose(
            message,
            rendered,
            self._attachments(message),
            identity=identity,
            to=mailbox.address,
            first_subject=subject,
            date=claim.row.queued_at,
        )
        envelope = Envelope(
            message_id=message.message_id,
            sender=identity.return_path(message.message_id),
            recipient=mailbox.address,
            content=content,
        )
        return msgspec.structs.replace(claim.row, subject=subject), envelope

    async def _deliver(
        self, message: MessageQueued, row: Row, envelope: Envelope, now: datetime, begun: float
    ) -> tuple[Row, Row] | None:
        """Hand it over; the row becomes ``sending`` at the last moment at which it can still be stopped."""
        stands = row  # what the ledger holds, for the compare-and-set

        async def before_dot() -> bool:
            nonlocal stands
            # The lease runs from here: the mail may have waited long for its turn and for the relay.
            waited = int(stopwatch() - begun)  # whole seconds: nearly all mails share the text of one moment
            at = now + timedelta(seconds=waited) if waited else now
            sending = msgspec.structs.replace(row, state="sending", updated_at=at)
            self._loose_ends.note(sending)
            if not await self._commits.swap(row, sending):
                return False
            self._loose_ends.forget(row.message_id)
            stands = sending
            return True

        delivery = await self._transport.deliver(envelope, before_dot)
        if isinstance(delivery, Withheld):
            return None
        rule = self._doubt_rules.get(message.template, "leave")
        end = rules.settled(stands, delivery, now, rule)
        self._loose_ends.note(end)
        self._heed(message, delivery, now)
        return stands, end

    def _heed(self, message: MessageQueued, delivery: Delivery, now: datetime) -> None:
        """Draw the conclusions that reach beyond this message."""
        if isinstance(delivery, Permanent) and delivery.suppress:
            self._ledger.bar(message.to_hash, f"the mailbox does not exist: {delivery.enhanced}", now)
        if isinstance(delivery, OurFault):
            self._alarm(message, delivery)

    async def _settle(self, old: Row, new: Row, *, patient: bool = False) -> tuple[MessageOutcome, ...]:
        """Write the end down, and tell it; who was declared dead meanwhile has nothing to tell."""
        end = rules.untold(new) if self._until_told else new
        return rules.outcome(end) if await self._commits.swap(old, end, patient=patient) else ()

    def _adopted(self, row: Row, now: datetime) -> Row:
        end = self._after_death(row, now)
        return rules.untold(end) if self._until_told and row.state == "sending" else end

    def _after_death(self, row: Row, now: datetime) -> Row:
        if row.state == "claimed":
            return rules.due_now(row, "interrupted before it was sent", now)
        happened = self._transport.evidence(row.message_id)
        if happened:
            return rules.found_delivered(row, now)
        if happened is False and row.claimed_by == self._owner:
            return rules.due_now(row, "interrupted before it was sent", now)
        # A stranger's mail may lie where we cannot see it, in the Maildir of another machine.
        rule = self._doubt_rules.get(row.template, "leave")
        return rules.doubted(row, "interrupted after the final dot may have gone out", now, rule)

    def _swap_now(self, old: Row, new: Row) -> bool:
        return self._ledger.write(swaps=[Swap(old=old, new=new)]).swaps[0]


async def _kept(
    attempt: Awaitable[tuple[MessageOutcome, ...]],
) -> tuple[MessageOutcome, ...] | Problem:
    """Return how an attempt ended, also when it was by a problem that passes."""
    try:
        return await attempt
    except Problem as problem:
        if not problem.retriable:
            raise
        return problem


def _reachable(message: MessageQueued, claim: Claim) -> Mailbox | Unusable:
    if claim.barred is not None:
        return Unusable(why=claim.barred)
    if message.letter is None:
        return Unusable(why="the message came without its letter")
    return check_address(message.letter.to)


def _not_composed(row: Row, problem: Problem, now: datetime) -> Row:
    """Return the row of a mail that has no words: for a person, unless the problem passes by itself.

    Words that could not be filled in were read by nobody: once they are mended and the mail is reopened, it
    gets those of that day.
    """
    reply = f"not composed: {problem.what} [{problem.code}]"
    if problem.retriable:
        return rules.deferred(row, reply, now)
    return rules.pinned(rules.refused(row, reply, now), Pin())


def _queued(letter: bytes) -> MessageQueued:
    return msgspec.msgpack.decode(letter, type=MessageQueued)


def _flat(outcomes: Iterable[tuple[MessageOutcome, ...]]) -> tuple[MessageOutcome, ...]:
    return tuple(outcome for some in outcomes for outcome in some)
