"""Journal blocks: packed, unpacked, and refused when they are not ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from streams.codec.blocks import Entry, decode_block, decode_entries, encode_block, tick, to_entry
from streams.codec.examples import DECISION_EXAMPLES, INBOUND_EXAMPLES, OUTCOME_EXAMPLES
from streams.core.events import Event, TimePassed
from streams.problems import InputProblem

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
EVENTS = [
    Event(
        id=f"e-{number}",
        source="shop/eu",
        order_id="ORD-1001",
        occurred_at=NOON - timedelta(hours=1),
        recorded_at=NOON,
        fact=fact,
    )
    for number, fact in enumerate((*INBOUND_EXAMPLES, *DECISION_EXAMPLES, *OUTCOME_EXAMPLES))
]


def test_a_block_returns_its_events():
    """Every fact of the house travels through a block, with its times to the microsecond."""
    assert decode_block(encode_block([to_entry(event) for event in EVENTS])) == EVENTS


def test_the_json_that_arrived_stays_as_it_arrived():
    """Unknown fields, order and white space of the data are kept."""
    data = b'{ "order_id": "ORD-1", "mood": "sad" }'
    entry = Entry("ORD-1", "1", "shop", "order.canceled.v1", NOON, NOON, data)

    assert decode_entries(encode_block([entry])) == [entry]
    assert decode_block(encode_block([entry]))[0].fact.order_id == "ORD-1"


def test_a_tick_is_an_entry_for_every_order():
    """Silence is written down like anything else."""
    (event,) = decode_block(encode_block([tick(NOON)]))

    assert event.fact == TimePassed(order_id="*")
    assert (event.order_id, event.recorded_at, event.occurred_at) == ("*", NOON, NOON)
    assert tick(NOON) == tick(NOON)
    assert tick(NOON).id != tick(NOON + timedelta(microseconds=1)).id


def test_times_come_back_in_utc():
    """Another zone is the same moment."""
    local = NOON.astimezone(timezone(timedelta(hours=-3)))
    entry = Entry("ORD-1", "1", "shop", "order.canceled.v1", local, local, b'{"order_id":"ORD-1"}')

    assert decode_entries(encode_block([entry]))[0].occurred_at.tzinfo is UTC


@pytest.mark.parametrize(
    "block", [b"", b"\xc1", b"\x92\x01", b"{}", encode_block([tick(NOON)])[:-3], b"\x91" * 5000]
)
def test_a_damaged_block_is_a_problem(block):
    """Damage is told, not raised from somewhere inside."""
    with pytest.raises(InputProblem) as caught:
        decode_block(block)

    assert caught.value.code == "block-corrupt"


def test_a_block_of_a_newer_program_is_not_guessed_at():
    """The version stands first."""
    with pytest.raises(InputProblem) as caught:
        decode_block(msgspec.msgpack.encode([2, []]))

    assert caught.value.code == "block-newer"


def test_a_newer_entry_may_have_more_at_its_end():
    """An entry can grow: older readers skip what they do not know."""
    fields = ["ORD-1", "1", "shop", "order.canceled.v1", NOON, NOON, b'{"order_id":"ORD-1"}', "more"]

    assert decode_block(msgspec.msgpack.encode([1, [fields]]))[0].id == "1"
