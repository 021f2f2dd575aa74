"""Tells open pages what happens to the files: whoever listens hears of everything from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from streams.problems import InputProblem

LISTENERS: Final = 64  # open pages; a browser has six at once for one studio
_BEHIND: Final = 200  # events that a page may lag behind before it is let go: it comes back and asks anew

Heard = bytes | None


class Events:
    """A word to everybody who listens; nobody is waited for."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Heard]] = set()

    @property
    def heard(self) -> bool:
        """True while somebody listens."""
        return bool(self._listeners)

    def tell(self, name: str, **said: Any) -> None:
        """Tell all pages; one that has not listened for long is let go."""
        line = f"event: {name}\ndata: {msgspec.json.encode(said).decode()}\n\n".encode()
        for listener in list(self._listeners):
            if listener.qsize() < _BEHIND:
                listener.put_nowait(line)
            else:
                self._let_go(listener)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Heard]]:
        """Yield a queue of what is told, as it goes over the wire; None is the end.

        Raises:
            InputProblem: ``studio-too-many-pages``.
        """
        if len(self._listeners) >= LISTENERS:
            raise InputProblem(
                "studio-too-many-pages",
                f"{LISTENERS} pages of the studio are open already",
                hint="close some of them",
            )
        queue: asyncio.Queue[Heard] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """Let everybody go."""
        for listener in list(self._listeners):
            self._let_go(listener)

    def _let_go(self, listener: asyncio.Queue[Heard]) -> None:
        self._listeners.discard(listener)
        listener.put_nowait(None)
