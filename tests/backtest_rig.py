"""Histories for backtests: written block by block, as a journal keeps them."""

from collections import defaultdict

from streams.codec.blocks import encode_block, to_entry
from streams.ops.backtest.figures import figures
from streams.ops.backtest.lineup import Entrant
from streams.ops.backtest.trial import put_on_trial
from streams.ops.history import Batch, Extent
from streams.policies.loader import load_policy

STANDARD = load_policy()


class Written:
    """A history in memory: events by partition, so many in a block."""

    name = "written"

    def __init__(self, partitions, block=3):
        self.batches_of = {
            number: [
                Batch(number, start, encode_block([to_entry(one) for one in events[start : start + block]]))
                for start in range(0, len(events), block)
            ]
            for number, events in partitions.items()
        }

    def extents(self):
        return [
            Extent(partition=number, first=0, end=len(batches)) for number, batches in self.batches_of.items()
        ]

    def batches(self, partition, *, start=None):  # noqa: ARG002 - the port's signature
        yield from self.batches_of[partition]

    def decided(self, partition):  # noqa: ARG002 - the port's signature
        yield from ()

    def close(self):
        pass


def written(*events):
    """All events in one partition, in the order in which they were recorded."""
    return Written({0: sorted(events, key=lambda one: one.recorded_at)})


def dealt(events, count):
    """The same events dealt over partitions, each order whole in one of them."""
    partitions = defaultdict(list)
    for number in range(count):
        partitions[number] = []
    for one in sorted(events, key=lambda one: one.recorded_at):
        partitions[sum(one.order_id.encode()) % count].append(one)
    return Written(dict(partitions))


def policy(**overrides):
    """The standard policy with dotted overrides, written with __ for the dots."""
    return load_policy(None, {path.replace("__", "."): value for path, value in overrides.items()})


def judged(history, *policies, purse=None, **more):
    """The figures of a trial of policies; the standard one alone when none is given."""
    line = policies or (STANDARD,)
    trial = put_on_trial(history, line, jobs=more.pop("jobs", 1), **more)
    entrants = [Entrant(name=f"policy {number}", policy=one) for number, one in enumerate(line)]
    return figures(history.name, entrants, trial, purse)
