"""How far the codec is from its floor: msgspec decoding the same bytes with nothing around it.

Run with ``pytest -s tests/benchmarks/bench_codec.py``; prints ratios, fails nothing by a time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.codec.blocks import Entry, decode_block, encode_block
from streams.codec.envelope import decode_envelope, encode_envelope
from streams.codec.registry import FACTS, decode_fact, encode_fact
from streams.core.events import CheckpointReached, Customer, Event, OrderedLine, OrderPlaced, PromiseWindow
from streams.core.money import Money

pytestmark = pytest.mark.benchmark
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCAN = CheckpointReached(
    status="in_transit", order_id="ORD-1", shipment_id="ORD-1-1", location="Curitiba, PR", reason="delayed"
)
PLACED = OrderPlaced(
    order_id="ORD-1",
    customer=Customer(customer_id="C-1", email="ines@example.com", name="Inês", locale="pt-BR"),
    lines=(
        OrderedLine(sku="CRUNCHY-ARMCHAIR", quantity=1, unit_price=Money(minor=19990, currency="BRL")),
        OrderedLine(sku="PLUSH-LAMP", quantity=2, unit_price=Money(minor=4990, currency="BRL")),
    ),
    promise=PromiseWindow(by="2026-11-28"),
)


def rate(call, count, repeat=5):
    """Return calls per second: the best of ``repeat`` rounds, since noise only ever slows down."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return count / best


def entries(fact, count=256):
    payload = encode_fact(fact)
    return [
        Entry(f"ORD-{n}", f"e-{n}", "shop/eu", fact.TYPE, NOON, NOON + timedelta(seconds=n), payload)
        for n in range(count)
    ]


@pytest.mark.parametrize("fact", [SCAN, PLACED], ids=["checkpoint", "order"])
def test_fact(fact):
    """One fact, beside the bare typed decoder."""
    payload, loops = encode_fact(fact), range(20_000)
    bare = msgspec.json.Decoder(FACTS[fact.TYPE]).decode
    ours = rate(lambda: [decode_fact(fact.TYPE, payload) for _ in loops], len(loops))
    floor = rate(lambda: [bare(payload) for _ in loops], len(loops))

    print(f"\nfact {fact.TYPE}: {ours:,.0f}/s = {ours / floor:.0%} of bare msgspec ({floor:,.0f}/s)")


@pytest.mark.parametrize("fact", [SCAN, PLACED], ids=["checkpoint", "order"])
def test_block(fact):
    """A block of 256, beside the bare decoders of its two layers."""
    block, blocks = encode_block(entries(fact)), range(100)
    bare = msgspec.json.Decoder(FACTS[fact.TYPE]).decode
    unpack = msgspec.msgpack.Decoder(tuple[int, list[Entry]]).decode
    ours = rate(lambda: [decode_block(block) for _ in blocks], 25_600)
    floor = rate(lambda: [[bare(entry.data) for entry in unpack(block)[1]] for _ in blocks], 25_600)
    packing = entries(fact)
    pack = rate(lambda: [encode_block(packing) for _ in blocks], 25_600)

    print(
        f"\nblock of {fact.TYPE}: decode {ours:,.0f}/s = {ours / floor:.0%} of bare msgspec ({floor:,.0f}/s)"
    )
    print(f"block of {fact.TYPE}: encode {pack:,.0f}/s, {len(block) / 256:.0f} bytes an entry")


def test_envelope():
    """One CloudEvent with all checks, beside a typed decode without any."""
    event = Event(id="1", source="shop/eu", order_id="ORD-1", occurred_at=NOON, recorded_at=NOON, fact=PLACED)
    raw, loops = encode_envelope(event), range(10_000)
    bare = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    ours = rate(lambda: [decode_envelope(raw) for _ in loops], len(loops))
    floor = rate(lambda: [bare(raw) for _ in loops], len(loops))

    print(
        f"\nenvelope ({len(raw)} bytes): {ours:,.0f}/s = {ours / floor:.0%} of bare msgspec ({floor:,.0f}/s)"
    )
