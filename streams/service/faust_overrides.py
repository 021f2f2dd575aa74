"""Every method of Faust that we replace, and why; a test hashes the originals, so an upgrade fails loudly.

Nothing we guarantee rests on Faust's commits for the fold (its position lives in its snapshots), but the
effects do rest on them, and so does how much is done twice after a rebalance.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import faust
import faust.streams
from faust.transport.drivers.aiokafka import Consumer, Producer, Transport
from faust.types import TP

from streams.problems import WorldProblem

VERSION = "0.15.3"


class CarefulConsumer(Consumer):
    """Commits before it forgets, and believes a commit only when it happened."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what is acknowledged first: the original forgets it, and the next owner does it all again."""
        await self.commit()
        await super().on_partitions_revoked(revoked)

    async def _commit_offsets(
        self,
        offsets: Mapping[TP, int],
        start_new_transaction: bool = True,  # noqa: FBT001, FBT002 - Faust's
    ) -> bool:
        """Take a commit that failed as not done: the original notes it as done and never tries it again."""
        before = {tp: self._committed_offset[tp] for tp in offsets}
        did_commit = await super()._commit_offsets(offsets, start_new_transaction)
        if not did_commit:
            self._committed_offset.update(before)
        return bool(did_commit)


class CarefulProducer(Producer):
    """Retries without doubling or reordering."""

    def _settings_extra(self) -> Mapping[str, Any]:
        """Ask for idempotence always; the original does so only inside transactions."""
        return {"acks": "all", "enable_idempotence": True}


class CarefulTransport(Transport):
    """Faust's Kafka driver with the two above."""

    Consumer = CarefulConsumer
    Producer = CarefulProducer


ORIGINALS: dict[str, Callable[..., Any]] = {
    "Consumer.on_partitions_revoked": Consumer.on_partitions_revoked,
    "Consumer._commit_offsets": Consumer._commit_offsets,  # noqa: SLF001 - what is replaced is private there
    "Producer._settings_extra": Producer._settings_extra,  # noqa: SLF001 - same
    "App.crash": faust.App.crash,
}


def fingerprints() -> dict[str, str]:
    """Return a hash of the source of every original that we replace or rely on."""
    return {
        name: hashlib.sha256(inspect.getsource(original).encode()).hexdigest()[:16]
        for name, original in ORIGINALS.items()
    }


def check_faust() -> None:
    """Refuse a Faust that is not the one we know.

    Raises:
        WorldProblem: ``faust-version``: another version; ``faust-not-compiled``: its pure Python stream
            acknowledges events that it skips, which loses them.
    """
    if faust.__version__ != VERSION:
        raise WorldProblem(
            "faust-version",
            f"this is Faust {faust.__version__}, not {VERSION}",
            why="its guarantees were measured with that version only",
            hint=f"pip install faust-streaming=={VERSION}",
        )
    if getattr(faust.streams, "_CStreamIterator", None) is None:
        raise WorldProblem(
            "faust-not-compiled",
            "Faust runs without its compiled stream",
            why="the pure Python one acknowledges events that it has skipped",
            hint="unset NO_CYTHON and install the wheel of faust-streaming for this platform",
        )
