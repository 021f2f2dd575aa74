"""The parts of an effects worker, put together: all of it but the reading, which is Faust's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from streams import telemetry
from streams.pipeline.apart import Apart
from streams.pipeline.dead_letters import DeadLetter
from streams.pipeline.patience import Patience
from streams.service.effects_room import EffectsRoom
from streams.service.moments import Moments
from streams.service.records import letter_record
from streams.service.reporting import Reporter, Send
from streams.service.rounds import Rounds
from streams.service.topics import topics_of
from streams.service.vitals import Vitals
from streams.service.worker import guard
from streams.settings import Settings
from streams.wiring import EffectsKit

_NOTES = 1.0  # seconds for the last words to be noted
_LAST_ANSWERS = 1.0  # seconds for questions to the ledger whose answers nobody waits for
_LEDGER = 4  # questions to the ledger at a time, each in a thread of its own; the sender has one besides


class EffectsCore:
    """One worker's room, voice and rounds over its ledger; ``failed`` is what it must not go on after.

    ``send`` is a producer's; ``on_round`` is called every second or so, when all is well.
    """

    def __init__(
        self,
        settings: Settings,
        kit: EffectsKit,
        *,
        send: Send,
        vitals: Vitals,
        on_round: Callable[[], None],
    ) -> None:
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._topics = topics_of(settings)
        self._send = send
        self._chores: list[asyncio.Task[None]] = []
        self._patience = Patience()
        ask_ledger = self._ask_ledger = Apart(_LEDGER)
        moments = Moments(settings.clock)
        self.reporter = Reporter(
            send=send,
            topic=self._topics.outcomes,
            ledger=kit.ledger,
            apart=ask_ledger,
            vitals=vitals,
            own_time=moments.is_history,
        )
        self.room = EffectsRoom(
            effects=kit.effects,
            reporter=self.reporter,
            bury=self._bury,
            moments=moments,
            patience=self._patience,
            vitals=vitals,
            mails_at_once=kit.mails_at_once,
            fail=self._fail,
        )
        self.rounds = Rounds(
            sender=kit.sender,
            ledger=kit.ledger,
            seat=kit.seat,
            judge=kit.effects.judge,
            reporter=self.reporter,
            moments=moments,
            apart=ask_ledger,
            patience=self._patience,
            vitals=vitals,
            on_round=on_round,
        )

    @property
    def is_busy(self) -> bool:
        """True while something is under way that may wait for a relay or a provider."""
        return self.room.is_busy or bool(self.rounds.tries)

    async def start(self) -> None:
        """Finish what the process before us left, and tell what nobody has heard.

        Raises:
            BaseException: what a chore died of.
        """
        self._do(self.reporter.keep_talking())
        self._do(self.reporter.keep_notes(self._patience))
        beginning = asyncio.create_task(self.rounds.begin())
        first: set[asyncio.Future[Any]] = {beginning, self.failed}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not beginning.done():  # without its chores it would wait for ever
            beginning.cancel()
            raise self.failed.result()
        beginning.result()
        self._do(self.rounds.keep_going())

    async def finish(self, seconds: float) -> None:
        """Begin nothing more, and wait for what is under way, after a failure too: who hangs up leaves mails in doubt."""
        await asyncio.gather(self.room.close(seconds), self.rounds.close(seconds))
        if not self.failed.done():
            await self.reporter.rest(_NOTES)

    async def close(self) -> None:
        """End the chores; what was said and not noted is said again by the next start."""
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._ask_ledger.rest(_LAST_ANSWERS)

    def _do(self, chore: Coroutine[Any, Any, None]) -> None:
        self._chores.append(asyncio.create_task(guard(chore, self._fail)))

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_result(error)

    async def _bury(self, letter: DeadLetter) -> None:
        telemetry.dead_letter_written(source=letter.source, place=letter.place, code=letter.code)
        sent = await self._send(self._topics.dead_letters.name, letter_record(letter), key=letter.id.encode())
        await sent
