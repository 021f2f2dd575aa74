"""Law 9: a newer reader understands every older event, and an older reader every newer one of its version."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codec.blocks import Entry, decode_block, decode_entries, encode_block
from streams.codec.envelope import decode_envelope
from streams.codec.examples import DECISION_EXAMPLES, INBOUND_EXAMPLES, OUTCOME_EXAMPLES
from streams.codec.registry import FACTS, decode_fact, encode_fact
from streams.core.events import PaymentApproved
from streams.problems import InputProblem
from tests import builders as b
from tests.strategies import LAW, histories, refuted

SCHEMAS = Path(__file__).parents[2] / "schemas"
EXAMPLES = (*INBOUND_EXAMPLES, *DECISION_EXAMPLES, *OUTCOME_EXAMPLES)
WHOSE = frozenset({"order_id", "shipment_id", "tracking_number"})  # a scan without all of them is nobody's
STRANGE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=9)
    | st.builds(lambda: {"deep": [1, {"er": None}]})
)


@st.composite
def aged(draw):
    """A fact, and its JSON as another version may have written it: without optional fields, with unknown ones."""
    fact = EXAMPLES[draw(st.integers(0, len(EXAMPLES) - 1))]
    written = json.loads(encode_fact(fact))
    expected = fact
    for field in msgspec.structs.fields(type(fact)):
        if not field.required and field.name not in WHOSE and draw(st.booleans()):
            written.pop(field.encode_name, None)
            default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            expected = msgspec.structs.replace(expected, **{field.name: default})
    for _ in range(draw(st.integers(0, 3))):
        places = list(_objects(written))
        place = places[draw(st.integers(0, len(places) - 1))]
        place[draw(st.sampled_from(("x-colour", "weightKg", "Order_ID", "ü", "")))] = draw(STRANGE)
    return expected, json.dumps(written).encode()


def _objects(value):
    """Yield every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(below)


def check_readable(example, decode=decode_fact):
    """Unknown fields are ignored, missing optional ones are their defaults, in the journal as well."""
    fact, written = example
    try:
        found = decode(fact.TYPE, written)
    except InputProblem as problem:
        raise AssertionError(problem) from problem
    entry = Entry("A", "1", "shop/eu", fact.TYPE, b.FRIDAY, b.FRIDAY, written)
    (kept,) = decode_entries(encode_block([entry]))
    (event,) = decode_block(encode_block([entry]))

    assert found == fact == event.fact
    assert kept.data == written


@LAW
@given(aged())
def test_every_version_of_a_fact_is_read(example):
    """Published schemas only grow: what they may lack or bring is no reason to stop."""
    check_readable(example)


def test_the_law_bites_on_a_reader_that_forbids_what_it_does_not_know():
    """A strict reader is the end of every newer writer."""

    class Strict(PaymentApproved, frozen=True, kw_only=True, forbid_unknown_fields=True):
        pass

    def strict(wire_type, written):
        if wire_type != PaymentApproved.TYPE:
            return decode_fact(wire_type, written)
        try:
            found = msgspec.json.decode(written, type=Strict)
        except msgspec.ValidationError as error:
            raise AssertionError(error) from error
        return PaymentApproved(order_id=found.order_id, ship_by=found.ship_by)

    assert refuted(aged(), lambda example: check_readable(example, strict), examples=2000)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_the_example_in_a_published_schema_is_read(path):
    """What a stranger copies from the schema folder is a fact to us."""
    examples = json.loads(path.read_text("utf-8"))["examples"]
    assert examples
    for example in examples:
        if path.stem == "envelope.v1":
            envelope = decode_envelope(json.dumps(example).encode())
            fact = decode_fact(envelope.type, bytes(envelope.data))
        else:
            fact = decode_fact(path.stem, json.dumps(example).encode())

        assert type(fact) is FACTS[fact.TYPE]


@LAW
@given(histories(orders=1, duplicates=False))
def test_every_fact_of_a_history_survives_its_json(history):
    """What comes in, what is decided and what came of it are read back as they were written."""
    from streams.policies.loader import load_policy

    course = b.live(history.events, load_policy(), until=history.until, world=b.moody_world(history.whims))
    facts = [*(one.fact for one in course.journal), *(decision for _, decision in course.decisions)]

    assert [decode_fact(fact.TYPE, encode_fact(fact)) for fact in facts] == facts
