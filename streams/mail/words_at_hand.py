"""The words of each mail: chosen when the ledger takes it up, and found again however much later it is sent."""

from __future__ import annotations

from datetime import datetime

from streams.core.events import MessageQueued
from streams.mail.group_commit import GroupCommit
from streams.mail.ledger import Ledger, Row
from streams.pipeline.ports import Pin, PinningRenderer
from streams.problems import TemplateProblem

_NONE = Pin()


class WordsAtHand:
    """A renderer's versions beside the ledger's; one look into a set per mail, and the ledger once per version."""

    def __init__(self, ledger: Ledger, commits: GroupCommit, renderer: PinningRenderer) -> None:
        self._ledger = ledger
        self._commits = commits
        self._renderer = renderer
        self._kept: set[str] = set()

    async def choose(self, message: MessageQueued, now: datetime) -> Pin:
        """Return the words that a message gets; they are kept when this returns.

        None are chosen for a template that is broken or gone: whoever renders it says so.

        Raises:
            streams.problems.WorldProblem: the ledger cannot be written.
        """
        try:
            pin = self._renderer.pin(message)
            if pin.version not in self._kept:
                await self._keep(message.template, pin.version, now)
        except TemplateProblem:
            return _NONE
        return pin

    async def recall(self, row: Row) -> None:
        """See to it that the words of a row can be rendered.

        Raises:
            streams.problems.TemplateProblem: they are lost.
            streams.problems.WorldProblem: the ledger cannot be read.
        """
        version = row.template_version
        if not version or self._renderer.knows(row.template, version):
            return
        sources = await self._commits.aside(self._ledger.sources, version)
        if sources is not None:
            self._renderer.learn(row.template, version, sources)
            self._kept.add(version)

    async def _keep(self, template: str, version: str, now: datetime) -> None:
        sources = self._renderer.sources(template, version)
        await self._commits.aside(self._ledger.keep_sources, version, template, sources, now)
        self._kept.add(version)
