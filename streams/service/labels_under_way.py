"""Keeps a mail behind its label: in an outbox that is read again both stand next to each other."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from streams.core.events import MessageQueued, ReturnLabelRequested


class LabelsUnderWay:
    """The labels that are being bought at this moment, by their case.

    Live, a mail with a label is decided when its label is there. Whoever reads the outbox from an earlier
    place, with a shelf of labels that is empty or new, meets the two at once.
    """

    def __init__(self) -> None:
        self._cases: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def buying(self, request: ReturnLabelRequested) -> Iterator[None]:
        """Hold back the mails of the case that carry a label, until it is bought or refused."""
        done = asyncio.Event()
        case = self._cases[request.case_id]
        case.add(done)
        try:
            yield
        finally:
            case.discard(done)
            if not case:
                self._cases.pop(request.case_id, None)
            done.set()

    async def bought_for(self, message: MessageQueued) -> None:
        """Wait for the labels of the case; a mail that was decided without one goes without."""
        if message.letter is None or message.letter.label_id is None:
            return
        for done in list(self._cases.get(message.case_id, ())):
            await done.wait()
