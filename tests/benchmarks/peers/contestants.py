"""Who runs, in which order, with which settings, and which ratios are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.benchmarks.peers import environment, ours
from tests.benchmarks.peers.arena import Arena
from tests.benchmarks.peers.arena import ours as our_python
from tests.benchmarks.peers.result import Aim, Result

QUIX, BYTEWAX, FAUST = "Quix Streams", "Bytewax", "stock Faust"
EXACTLY_ONCE, AT_LEAST_ONCE = "Kafka Streams, exactly once", "Kafka Streams, at least once"


@dataclass(frozen=True)
class Contestant:
    """Something to measure; ``settings`` is what a reader must know to repeat or to doubt it."""

    name: str
    settings: str
    run: Callable[[Arena], Iterator[Result]]


def _in_our_environment(name: str, module: str) -> Callable[[Arena], Iterator[Result]]:
    def run(arena: Arena) -> Iterator[Result]:
        yield arena.run_peer(name, our_python(module))

    return run


def _in_theirs(name: str, module: str) -> Callable[[Arena], Iterator[Result]]:
    def run(arena: Arena) -> Iterator[Result]:
        command = [str(environment.python()), "-m", f"tests.benchmarks.peers.{module}"]
        yield arena.run_peer(name, command)

    return run


def _kafka_streams(name: str, guarantee: str) -> Callable[[Arena], Iterator[Result]]:
    def run(arena: Arena) -> Iterator[Result]:
        group = arena.name("streams")
        folder = arena.room(group)
        program = str(environment.HERE / "CountPerKey.java")
        told = [arena.broker.bootstrap, arena.topic, group, guarantee, str(arena.events), str(folder)]
        yield arena.run(name, [*environment.java(), program, *told], folder)

    return run


CONTESTANTS = {
    "aiokafka": Contestant(
        "aiokafka, consume only",
        "getmany, 8 MiB per partition and fetch, nothing done with the records: the floor",
        _in_our_environment("aiokafka, consume only", "on_aiokafka"),
    ),
    "confluent": Contestant(
        "confluent-kafka, consume only",
        "consume(10000), defaults, nothing done with the records: the floor of the peers",
        _in_theirs("confluent-kafka, consume only", "on_confluent"),
    ),
    "apart": Contestant(
        "ours, apart",
        "worker ingest alone; worker fold alone over the blocks it wrote; two of them over a copy that arrives at "
        "once. Until the broker has acknowledged everything; clock=history, which merges the partitions by time "
        "(live: clock=wall, as deployed), the rest are defaults",
        ours.apart,
    ),
    "together": Contestant(
        ours.END_TO_END,
        "worker ingest and worker fold, a process each, at work at once; raw JSON to acknowledged decisions",
        ours.end_to_end,
    ),
    "quix": Contestant(
        QUIX,
        "at-least-once, commit_interval 5 s (default), changelog on (default), RocksDB, linger 50 ms, batches of "
        "1 MB; the same translation and step, the order as msgpack in its state; no deadlines",
        _in_theirs(QUIX, "on_quix"),
    ),
    "bytewax": Contestant(
        BYTEWAX,
        "one worker, batches of 1000, snapshots every 10 s (default) into its recovery store, linger 50 ms; the same "
        "translation and step, the order as msgpack in its keyed state; no deadlines",
        _in_theirs(BYTEWAX, "on_bytewax"),
    ),
    "exactly": Contestant(
        EXACTLY_ONCE,
        "Java, processing.guarantee=exactly_once_v2, counts records per key in RocksDB with changelog, defaults, one "
        "thread; the virtual machine has counted the whole topic once before",
        _kafka_streams(EXACTLY_ONCE, "exactly_once_v2"),
    ),
    "atleast": Contestant(
        AT_LEAST_ONCE,
        "the same with processing.guarantee=at_least_once",
        _kafka_streams(AT_LEAST_ONCE, "at_least_once"),
    ),
    "faust": Contestant(
        FAUST,
        "an agent and a Table (memory://), at_least_once, linger 50 ms, batches of 1 MB, the rest are defaults; the "
        "same translation and step, the order as msgpack in the Table; no deadlines",
        _in_our_environment(FAUST, "on_faust"),
    ),
}

AIMS = (
    Aim(ours=ours.END_TO_END, theirs=QUIX, at_least=1.5),
    Aim(ours=ours.FOLD, theirs=EXACTLY_ONCE, at_least=1.0),
    Aim(ours=ours.END_TO_END, theirs=FAUST, at_least=10.0),
)
