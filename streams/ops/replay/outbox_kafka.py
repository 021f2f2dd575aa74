"""The outbox of the service that a live replay writes to: its topic, as the fold writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafka.errors import KafkaConnectionError, KafkaError

from streams.ops.brokers import acknowledged, speaking
from streams.ops.replay.live import Kept
from streams.ops.replay.outbox import unwritable
from streams.service.partition import partition_of
from streams.service.records import outbox_record
from streams.service.topics import topics_of
from streams.settings import Settings

_ROLE = "replay"


class TopicOutbox:
    """The outbox topic of a deployment: the effects workers make true what stands there."""

    def __init__(self, settings: Settings) -> None:
        """Prepare, without connecting."""
        self._settings = settings
        self._topic = topics_of(settings).outbox.name
        self.name = f"{self._topic} at {settings.kafka}"

    def put(self, decisions: Sequence[Kept]) -> int:
        """Write decisions, each to its order's partition, and return when the brokers have them.

        Raises:
            WorldProblem: ``outbox-unwritable``, and the codes of :func:`streams.ops.brokers.telling`: some may have
                been written, and may be written again.
        """
        if not decisions:
            return 0
        with speaking(self._settings, _ROLE) as producer:
            try:
                self._send(producer, decisions)
            except KafkaConnectionError:
                raise
            except KafkaError as error:
                raise unwritable(self.name, f"{type(error).__name__}: {error}") from error
        return len(decisions)

    def _send(self, producer: Any, decisions: Sequence[Kept]) -> None:
        count = len(producer.partitions_for(self._topic) or ())
        if not count:
            raise unwritable(self.name, "the topic is not there; `firstword topics check` lists ours")
        sent = [
            producer.send(
                self._topic,
                outbox_record([one.fact()], [one.now]),
                partition=partition_of(one.order_id, count),
            )
            for one in decisions
        ]
        acknowledged(producer, sent)
