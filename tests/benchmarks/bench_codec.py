"""How far the codec is from its floor: msgspec decoding the same bytes with nothing around it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from streams.codec.blocks import Entry, decode_block, encode_block
from streams.codec.envelope import decode_envelope, encode_envelope
from streams.codec.registry import FACTS, decode_fact, encode_fact
from streams.core.events import CheckpointReached, Customer, Event, OrderedLine, OrderPlaced, PromiseWindow
from streams.core.money import Money
from tests.benchmarks.measure import Row, beside, lap

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


def rows() -> Iterator[Row]:
    """One fact, a block of 256, and an envelope with all its checks."""
    for name, fact in (("scan", SCAN), ("order", PLACED)):
        yield _fact(name, fact)
        yield _block(name, fact)
        yield _packing(name, fact)
    yield _envelope()


def _fact(name, fact):
    payload, loops = encode_fact(fact), range(20_000)
    bare = msgspec.json.Decoder(FACTS[fact.TYPE]).decode
    return beside(
        f"decode a fact ({name})",
        "facts",
        lap(lambda: [decode_fact(fact.TYPE, payload) for _ in loops], len(loops)),
        lap(lambda: [bare(payload) for _ in loops], len(loops)),
        floor_name="msgspec alone",
    )


def _block(name, fact):
    block = encode_block(_entries(fact))
    bare = msgspec.json.Decoder(FACTS[fact.TYPE]).decode
    unpack = msgspec.msgpack.Decoder(tuple[int, list[Entry]]).decode

    def bare_block(block):
        return [bare(entry.data) for entry in unpack(block)[1]]

    return beside(
        f"decode a block ({name}s)",
        "events",
        lap(lambda: _repeat(decode_block, block), 25_600),
        lap(lambda: _repeat(bare_block, block), 25_600),
        floor_name="msgspec alone",
    )


def _packing(name, fact):
    entries = _entries(fact)
    bare = msgspec.msgpack.Encoder().encode
    return beside(
        f"encode a block ({name}s)",
        "events",
        lap(lambda: _repeat(encode_block, entries), 25_600),
        lap(lambda: _repeat(bare, (1, entries)), 25_600),
        floor_name="msgspec alone",
    )


def _envelope():
    event = Event(id="1", source="shop/eu", order_id="ORD-1", occurred_at=NOON, recorded_at=NOON, fact=PLACED)
    raw, loops = encode_envelope(event), range(10_000)
    bare = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    return beside(
        "decode an envelope (order)",
        "events",
        lap(lambda: [decode_envelope(raw) for _ in loops], len(loops)),
        lap(lambda: [bare(raw) for _ in loops], len(loops)),
        floor_name="msgspec alone, nothing checked",
    )


def _repeat(call, argument):
    for _ in range(100):
        call(argument)


def _entries(fact, count=256):
    payload = encode_fact(fact)
    return [
        Entry(f"ORD-{n}", f"e-{n}", "shop/eu", fact.TYPE, NOON, NOON + timedelta(seconds=n), payload)
        for n in range(count)
    ]
