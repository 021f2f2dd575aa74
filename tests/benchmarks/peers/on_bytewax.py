"""Bytewax with the product's ``step``: keyed state in memory, snapshots into its recovery store (SQLite)."""

from __future__ import annotations

from datetime import timedelta

from bytewax import operators as op
from bytewax._bytewax import cli_main, init_db_dir
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig

from tests.benchmarks.peers.decide import Decider
from tests.benchmarks.peers.tally import Tally, task

EPOCH = timedelta(seconds=10)  # how often snapshots are taken; the default


def main() -> None:
    """Process the topic, once."""
    told = task()
    decider, tally = Decider(), Tally(told.events)

    def decide(order, record):
        after, decided = decider.consider_packed(record.value, record.timestamp[1], order)
        tally.count(len(decided))
        return after, decided

    def keyed(record):
        return record.key.decode(), record

    def outward(pair):
        return KafkaSinkMessage(pair[0].encode(), pair[1])

    flow = Dataflow("orders")
    source = KafkaSource([told.bootstrap], [told.topic], tail=False, batch_size=1000)
    records = op.map("key", op.input("in", flow, source), keyed)
    decided = op.stateful_flat_map("step", records, decide)
    sink = KafkaSink([told.bootstrap], told.output, add_config={"linger.ms": "50", "batch.size": "1000000"})
    op.output("out", op.map("pack", decided, outward), sink)
    store = told.folder / "recovery"
    store.mkdir()
    init_db_dir(store, 1)
    cli_main(flow, epoch_interval=EPOCH, recovery_config=RecoveryConfig(str(store)))
    tally.write(told.report)


if __name__ == "__main__":
    main()
