"""Facts to bytes and back, old versions, and types that nobody knows."""

from __future__ import annotations

import msgspec
import pytest

from streams.codec.examples import DECISION_EXAMPLES, INBOUND_EXAMPLES, OUTCOME_EXAMPLES
from streams.codec.registry import FACTS, Registry, UnknownType, decode_fact, encode_fact
from streams.core.events import DECISIONS, INBOUND, OUTCOMES, OrderPlaced, TimePassed
from streams.problems import InputProblem

EXAMPLES = (*INBOUND_EXAMPLES, *DECISION_EXAMPLES, *OUTCOME_EXAMPLES)


@pytest.mark.parametrize("fact", EXAMPLES, ids=lambda fact: fact.TYPE)
def test_every_fact_survives_the_way_to_bytes_and_back(fact):
    """What was encoded decodes to an equal fact of the same class."""
    again = decode_fact(fact.TYPE, encode_fact(fact))

    assert fact == again
    assert type(fact) is type(again)


def test_every_class_of_the_house_has_its_type_and_its_example():
    """A fact that is added to the house is known to the codec, or this test fails."""
    assert {fact.TYPE: fact for fact in (*INBOUND, *DECISIONS, *OUTCOMES, TimePassed)} == FACTS
    assert [type(example) for example in EXAMPLES] == [*INBOUND, *DECISIONS, *OUTCOMES]


def test_unknown_fields_are_ignored():
    """A newer writer may say more."""
    payload = b'{"order_id":"ORD-1","reason":"customer","mood":"sad"}'

    assert decode_fact("order.canceled.v1", payload).reason == "customer"


def test_an_unknown_type_names_its_nearest():
    """A typing error is told with what was probably meant."""
    with pytest.raises(UnknownType) as caught:
        decode_fact("order.place.v1", b"{}")

    assert (caught.value.code, caught.value.nearest) == ("type-unknown", "order.placed.v1")
    assert "order.placed.v1" in caught.value.hint


def test_a_newer_version_asks_for_an_upgrade():
    """A version from the future is not guessed at."""
    with pytest.raises(UnknownType) as caught:
        decode_fact("order.placed.v2", b"{}")

    assert (caught.value.code, caught.value.nearest) == ("type-newer", "order.placed.v1")


def test_a_mistyped_fact_tells_the_path():
    """The place in the data is told in the words of the whole event."""
    with pytest.raises(InputProblem) as caught:
        decode_fact(
            "shipment.packed.v1", b'{"order_id":"1","shipment_id":"1","lines":[{"sku":"A","quantity":"two"}]}'
        )

    assert (caught.value.code, caught.value.where) == ("fact-invalid", "$.data.lines[0].quantity")


UPCASTS = {
    "order.placed.v0": ("order.placed.v0b", lambda old: old | {"customer": {"customer_id": old["customer"]}}),
    "order.placed.v0b": ("order.placed.v1", lambda old: old | {"lines": old.get("lines", [])}),
}


def test_an_old_version_is_read_step_by_step():
    """Every step turns version N into N + 1; together they reach today."""
    registry = Registry(upcasts=UPCASTS)
    placed = registry.decode("order.placed.v0", b'{"order_id":"ORD-1","customer":"C-7"}')

    assert isinstance(placed, OrderPlaced)
    assert (placed.order_id, placed.customer.customer_id, placed.lines) == ("ORD-1", "C-7", ())
    assert registry.current("order.placed.v0b", b'{"a":1}') == ("order.placed.v1", b'{"a":1,"lines":[]}')
    assert registry.current("order.placed.v1", b"{}") == ("order.placed.v1", b"{}")


@pytest.mark.parametrize(
    "payload", [b'{"order_id":"ORD-1"}', b"[]", b"{", b'{"order_id":1,"customer":"C"}', b"[" * 9999]
)
def test_an_old_payload_that_lacks_something_is_a_problem_not_a_crash(payload):
    """An upcast meets data that it was not written for."""
    with pytest.raises(InputProblem) as caught:
        Registry(upcasts=UPCASTS).decode("order.placed.v0", payload)

    assert caught.value.code == "fact-invalid"


def test_upcasts_that_run_in_a_circle_end():
    """A mistake in the table does not hang the reader."""
    circle = {"a.v1": ("a.v2", dict), "a.v2": ("a.v1", dict)}
    with pytest.raises(InputProblem, match=r"a\.v1"):
        Registry(upcasts=circle).decode("a.v1", msgspec.json.encode({}))
