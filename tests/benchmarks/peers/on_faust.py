"""A stock Faust agent with a Table that holds the order as msgpack, and the product's ``step`` in it."""

from __future__ import annotations

import contextlib
import os
import signal

import faust

from tests.benchmarks.peers.decide import Decider
from tests.benchmarks.peers.tally import Tally, task

SETTINGS = {
    "store": "memory://",
    "processing_guarantee": "at_least_once",
    "producer_linger": 0.05,  # seconds; with Faust's own, 0, it is slower still
    "producer_max_batch_size": 1_000_000,
}


def main() -> None:
    """Process the topic, once."""
    told = task()
    app = faust.App(
        told.group,
        broker=f"kafka://{told.bootstrap}",
        topic_partitions=told.partitions,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        datadir=str(told.folder / "state"),
        key_serializer="raw",
        value_serializer="raw",
        **SETTINGS,
    )
    decider = Decider()
    tally = Tally(told.events, lambda: os.kill(os.getpid(), signal.SIGTERM))
    raw = {"key_type": bytes, "value_type": bytes}
    read, write = app.topic(told.topic, **raw), app.topic(told.output, **raw)
    table = app.Table("orders", partitions=told.partitions, **raw)

    @app.agent(read)
    async def decide(stream):
        async for event in stream.events():
            key = event.key
            after, decided = decider.consider_packed(
                event.value, int(event.message.timestamp * 1000), table.get(key)
            )
            if after is not None:
                table[key] = after
            for record in decided:
                await write.send(key=key, value=record)
            tally.count(len(decided))

    with contextlib.suppress(SystemExit):
        app.Worker(loglevel="WARN").execute_from_commandline()
    tally.write(told.report)


if __name__ == "__main__":
    main()
