"""Quix Streams with the product's ``step``: the order is msgpack in its RocksDB store, changelog included."""

from __future__ import annotations

from quixstreams import Application

from tests.benchmarks.peers.decide import Decider
from tests.benchmarks.peers.tally import Tally, task

SETTINGS = {
    "processing_guarantee": "at-least-once",
    "commit_interval": 5.0,  # seconds; the default
    "use_changelog_topics": True,  # the default
    "producer_extra_config": {"linger.ms": 50, "batch.size": 1_000_000},
}


def main() -> None:
    """Process the topic, once."""
    told = task()
    app = Application(
        told.bootstrap,
        consumer_group=told.group,
        auto_offset_reset="earliest",
        state_dir=told.folder / "state",
        loglevel="WARNING",
        **SETTINGS,
    )
    decider, tally = Decider(), Tally(told.events, app.stop)

    def decide(raw, _key, timestamp, _headers, state):
        before = state.get_bytes("order")
        after, decided = decider.consider_packed(raw, timestamp, before)
        if after is not None:
            state.set_bytes("order", after)
        tally.count(len(decided))
        return decided

    read = app.topic(told.topic, key_deserializer="str", value_deserializer="bytes")
    write = app.topic(told.output, key_serializer="str", value_serializer="bytes")
    app.dataframe(read).apply(decide, stateful=True, expand=True, metadata=True).to_topic(write)
    app.run()
    tally.write(told.report)


if __name__ == "__main__":
    main()
