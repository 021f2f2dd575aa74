"""Journal blocks to orders in one process: decode, step, deadlines; beside decoding alone."""

from __future__ import annotations

from collections.abc import Iterator

from streams.codec.blocks import decode_block
from streams.pipeline.processor import Processor
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside, lap


def rows() -> Iterator[Row]:
    """Everything the month's journal holds: events with their disorder, outcomes, and the ticks that wake orders."""
    blocks = month.blocks()
    count = sum(len(decode_block(block)) for block in blocks)

    def fold():
        processor = Processor(month.policy())
        for block in blocks:
            for event in decode_block(block):
                processor.fold(event)

    def decode():
        for block in blocks:
            decode_block(block)

    yield beside(
        "fold the journal",
        "events",
        lap(fold, count),
        lap(decode, count),
        floor_name="decoding alone",
        rounds=3,
        warm=False,
        aim=80_000,
    )
