"""Takes an answer: reads the link, hands a fact over by the front door, and notes that the link is used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from streams.core.events import ChoiceMade, Event
from streams.links import Choice, Signer
from streams.mail.turns import Turns
from streams.ops.verdicts import Verdicts
from streams.web.answers.used import Used

SOURCE: Final = "firstword/answers"


class Answers:
    """What the page does; ``outlet`` is where facts go, and drops a second copy of one or leaves that to the journal."""

    def __init__(self, signer: Signer, outlet: Verdicts, used: Used, clock: Callable[[], datetime]) -> None:
        self._signer = signer
        self._outlet = outlet
        self._used = used
        self._clock = clock
        self._turns = Turns()

    def read(self, token: str) -> Choice:
        """Return what a link stands for.

        Raises:
            streams.links.LinkProblem: ``link-forged``; ``link-expired``.
        """
        return self._signer.read(token, self._clock())

    async def was_given(self, choice: Choice) -> bool:
        """Return whether this answer was given to this mail before.

        Raises:
            WorldProblem: ``answers-not-kept``.
        """
        return await asyncio.to_thread(self._used.knows, choice.choice_id)

    async def give(self, choice: Choice) -> bool:
        """Hand the answer over, durably; False when it was given before.

        Handed over first and noted second: who dies between the two hands over the same fact again, which is dropped.

        Raises:
            streams.problems.Problem: it could not be handed over; doing it again does no harm.
        """
        async with self._turns.of(choice.choice_id):
            return await asyncio.to_thread(self._give, choice)

    def _give(self, choice: Choice) -> bool:
        if self._used.knows(choice.choice_id):
            return False
        now = self._clock()
        new = self._outlet.leave(made(choice, now))
        return self._used.note(choice.choice_id, now) and new


def made(choice: Choice, now: datetime) -> Event:
    """Return the fact of a choice; however often it is made, its id is the same."""
    return Event(
        id=choice.choice_id,
        source=SOURCE,
        order_id=choice.order_id,
        occurred_at=now,
        recorded_at=now,
        fact=ChoiceMade(order_id=choice.order_id, case_id=choice.case_id, choice=choice.answer),
    )
