"""Sends what ingest has ready, and hears of what the brokers have: only then does an offset move."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from streams.service.client import producer
from streams.service.packing import Packer, Write
from streams.service.parking import Parking, place_of
from streams.service.progress import Progress
from streams.service.vitals import Vitals
from streams.settings import Settings


class Writer:
    """The way out of one ingest worker; ``die`` is called with what ends it."""

    def __init__(
        self,
        settings: Settings,
        packer: Packer,
        progress: Progress,
        parking: Parking,
        vitals: Vitals,
        die: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._packer = packer
        self._progress = progress
        self._parking = parking
        self._vitals = vitals
        self._die = die
        self._producer: AIOKafkaProducer | None = None
        self._unparks: list[
            bytes
        ] = []  # scans whose end is written down, and that still stand among the parked

    async def start(self) -> None:
        """Connect."""
        self._producer = producer(self._settings, "ingest")
        await self._producer.start()

    async def stop(self) -> None:
        """Let go."""
        if self._producer is not None:
            await self._producer.stop()

    async def write(self) -> None:
        """Send what is ready to be written."""
        for write in self._packer.take():
            (await self._send(write)).add_done_callback(partial(self._written, write))

    async def unpark(self) -> None:
        """Take the scans off the parked whose end is written down."""
        keys, self._unparks = self._unparks, []
        for key in keys:
            self._packer.put(self._parking.topic.name, self._parking.partition(place_of(key)), None, key=key)
        if keys:
            await self.write()

    async def _send(self, write: Write) -> asyncio.Future[Any]:
        assert self._producer is not None  # start() made it
        while True:
            # 40 s without room in the queue of that partition: nothing was taken, and the watchdog looks after us.
            with suppress(KafkaTimeoutError):
                acknowledged: asyncio.Future[Any] = await self._producer.send(
                    write.topic, write.value, key=write.key, partition=write.partition
                )
                return acknowledged

    def _written(self, write: Write, acknowledged: asyncio.Future[Any]) -> None:
        if acknowledged.cancelled():
            return
        error = acknowledged.exception()
        if error is not None:
            self._die(error)
            return
        self._progress.settle(write.owed)
        self._unparks.extend(write.unparks)
        self._vitals.counts["events_journaled", ""] += write.events
        self._vitals.beat()
