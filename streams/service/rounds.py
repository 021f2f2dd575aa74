"""What an effects worker looks after again and again: mails whose time has come, outcomes that nobody heard, ages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from streams.mail.ledger import Ledger
from streams.mail.sender import LedgerSender
from streams.pipeline.effects import Apart
from streams.pipeline.patience import Patience
from streams.pipeline.ports import Judge
from streams.service.moments import Moments
from streams.service.reporting import Reporter, log_outcomes
from streams.service.vitals import Vitals
from streams.storage.seat import Seat

_EVERY = 1.0  # seconds between two looks for mails that are due
_GAUGES_EVERY = 5  # rounds between two looks at the rest
_TRIES = 4  # calls of the sender under way: one that hangs in a final reply must not stop all others
# Telling and noting takes a fifth of a second at most; who has not been told of after this was forgotten.
_FORGOTTEN = timedelta(seconds=15)
_UNFINISHED = ("claimed", "sending", "deferred")


class Rounds:
    """One worker's rounds; ``tries`` are the retries under way."""

    def __init__(
        self,
        *,
        sender: LedgerSender,
        ledger: Ledger,
        seat: Seat,
        judge: Judge | None = None,
        reporter: Reporter,
        moments: Moments,
        apart: Apart,
        patience: Patience,
        vitals: Vitals,
        on_round: Callable[[], None],
    ) -> None:
        self._sender = sender
        self._ledger = ledger
        self._seat = seat
        self._judge = judge
        self._reporter = reporter
        self._moments = moments
        self._apart = apart
        self._patience = patience
        self._vitals = vitals
        self._on_round = on_round
        self._is_closing = False
        self.tries: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Settle what the process before us left, and tell what nobody has heard."""
        now = self._moments.start(await self._apart(self._ledger.unfinished))
        await self._apart(self._sender.recover, now)  # what came of it is untold, like all the rest
        await self._reporter.catch_up(max(now, self._moments.wall()))

    async def keep_going(self) -> None:
        """Make the rounds for ever."""
        number = 0
        while True:
            await asyncio.sleep(_EVERY)
            for ended in [one for one in self.tries if one.done()]:
                self.tries.discard(ended)
                ended.result()
            is_great = number % _GAUGES_EVERY == 0
            await self._patience.with_(partial(self._make, is_great=is_great))
            self._on_round()
            number += 1

    async def close(self, seconds: float) -> None:
        """Begin no more retries, wait for those under way, and drop the rest: the ledger has them."""
        self._is_closing = True
        if self.tries:
            await asyncio.wait(self.tries, timeout=seconds)
        for one in self.tries:
            one.cancel()
        await asyncio.gather(*self.tries, return_exceptions=True)

    async def _make(self, *, is_great: bool) -> None:
        now = self._moments.now()
        if now is None:
            return  # a history that has not begun
        if is_great:
            await self._apart(self._seat.check)
            await self._reporter.catch_up(now - _FORGOTTEN)
            await self._pass_on(now)
            self._gauge(now, await self._apart(self._ledger.oldest))
        due = await self._apart(self._ledger.next_due)
        # The sender knows of more than the ledger does: attempts that broke off, and processes that died.
        if (
            (is_great or (due is not None and due <= now))
            and not self._is_closing
            and len(self.tries) < _TRIES
        ):
            self.tries.add(asyncio.create_task(self._try(now)))

    async def _pass_on(self, now: datetime) -> None:
        """Tell the orders that waited in a storm what people have said."""
        if self._judge is None:
            return
        while answers := await self._apart(self._judge.due, now):
            await self._reporter.report(answers, now)
            await self._apart(self._judge.told, [one.allowance_id for one in answers])

    async def _try(self, now: datetime) -> None:
        outcomes = await self._patience.with_(partial(self._sender.retry_due, now))
        log_outcomes(outcomes, self._vitals)
        await self._reporter.report(outcomes, self._moments.now() or now)

    def _gauge(self, now: datetime, oldest: dict[str, datetime]) -> None:
        for state in _UNFINISHED:
            waits = now - oldest.get(state, now)
            self._vitals.gauges["ledger_oldest_seconds", state] = max(0.0, waits.total_seconds())
