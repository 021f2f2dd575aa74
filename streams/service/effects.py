"""The effects worker: decisions out of the outbox are made true, and what came of them goes to the outcomes topic.

Faust reads and commits; everything else happens in tasks beside its agent. A record is acknowledged when its
decisions are done or are the ledger's, so a crash repeats the question and never the mail.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP

from streams import wiring
from streams.pipeline.apart import Apart
from streams.service.app import death_of, make_app, raw_topic, unacknowledged
from streams.service.client import producer, unreachable
from streams.service.effects_core import EffectsCore
from streams.service.salvage import OutboxRecord
from streams.service.topics import topics_of
from streams.service.vitals import Vitals
from streams.settings import Settings

_PROVIDERS = 8  # calls of label providers and desks at a time, each in a thread of its own
_FINISH = 6.0  # seconds for mails under way when told to stop; the rest of the ten is for saying so


class EffectsWorker:
    """One effects worker: the partitions of the outbox that it is given, and what is under way."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.vitals = Vitals("effects")
        self._outbox = topics_of(settings).outbox.name
        self._assigned: frozenset[int] = frozenset()
        self._open = AsyncExitStack()

    # ------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Connect, finish what the process before us left, and begin."""
        try:
            await self._connect()
            await self.core.start()
            await self._read()
        except BaseException:
            await self._open.aclose()
            raise

    async def _connect(self) -> None:
        self._kit = wiring.build_effects(self.settings, apart=Apart(_PROVIDERS))
        self._open.push_async_callback(self._kit.close)
        self._open.enter_context(self._kit.words)
        voice = producer(self.settings, "effects")
        await voice.start()
        self._open.push_async_callback(voice.stop)
        self.core = EffectsCore(
            self.settings, self._kit, send=voice.send, vitals=self.vitals, on_round=self._look_around
        )
        self._open.push_async_callback(self.core.close)

    async def _read(self) -> None:
        self._app = make_app(self.settings, "effects")
        self._app.agent(raw_topic(self._app, self._outbox), concurrency=1)(self._agent)
        self._app.on_partitions_assigned.connect(self._on_assigned)  # type: ignore[arg-type]  # it calls with a set of TP
        self._open.push_async_callback(self._app.stop)
        await self._app.start()

    async def crashed(self) -> BaseException:
        """Return what the worker died of."""
        error = await death_of(self._app, self.core.failed)
        return unreachable(self.settings, error) if isinstance(error, KafkaError) else error

    async def stop(self) -> None:
        """Finish what is under way, say what came of it, and let go."""
        self.vitals.is_ready = False
        await self.core.finish(_FINISH)
        await self._open.aclose()

    # ------------------------------------------------------------------------ records

    async def _agent(self, stream: Any) -> None:
        async for event in unacknowledged(stream):
            message = event.message
            record = OutboxRecord(
                partition=message.partition,
                offset=message.offset,
                value=message.value or b"",
                place=f"{message.topic}[{message.partition}]@{message.offset}",
                at=datetime.fromtimestamp(message.timestamp, UTC),
            )
            done = await self.core.room.admit(record)
            done.add_done_callback(partial(_acknowledge, event))

    # ------------------------------------------------------------------------ what others see

    async def _on_assigned(self, _app: Any, assigned: Any, **_more: Any) -> None:
        self._assigned = frozenset(tp.partition for tp in assigned if tp.topic == self._outbox)
        self.vitals.gauges["partitions", ""] = len(self._assigned)
        self.vitals.is_ready = True

    def _look_around(self) -> None:
        """Measure the lag, and say whether we get on: with work in hand a relay may be slow, without we may not."""
        lags = {partition: self._lag(partition) for partition in self._assigned}
        for partition, lag in lags.items():
            self.vitals.gauges["lag", f"outbox-{partition}"] = lag
        if self.core.is_busy:
            self.vitals.beat()
        elif any(lags.values()):
            self.vitals.work()
        else:
            self.vitals.rest()

    def _lag(self, partition: int) -> int:
        tp = TP(self._outbox, partition)
        consumer: Any = self._app.consumer
        position = self.core.room.positions.get(partition)
        if position is None:
            position = consumer._committed_offset.get(tp) or 0  # noqa: SLF001 - Faust tells it nowhere else
        return max(0, (consumer.highwater(tp) or 0) - position)


def _acknowledge(event: Any, _done: asyncio.Future[None]) -> None:
    event.ack()
