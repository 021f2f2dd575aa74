"""The published schemas: generated, complete, and never changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import yaml

from streams.codec.envelope import decode_envelope, encode_envelope
from streams.codec.examples import DECISION_EXAMPLES, INBOUND_EXAMPLES, OUTCOME_EXAMPLES
from streams.codec.registry import decode_fact, encode_fact
from streams.codec.schemas import ASYNCAPI, LOCK, check, generated, main, read_lock, write
from streams.core.events import Address, Event, ReturnLabelRequested
from streams.problems import InputProblem
from streams.service.topics import topics_of
from streams.settings import Settings

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FOLDER = Path(__file__).parents[2] / "schemas"
EXAMPLES = (*INBOUND_EXAMPLES, *DECISION_EXAMPLES, *OUTCOME_EXAMPLES)


def test_the_schemas_on_disk_are_what_the_code_says():
    """Nobody edits a schema by hand, and nobody changes a class without writing them again."""
    assert check(FOLDER) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda fact: fact.TYPE)
def test_the_example_of_a_schema_decodes(example):
    """What the schema shows is what the product reads, and every field of it is described."""
    schema = json.loads((FOLDER / f"{example.TYPE}.json").read_text("utf-8"))
    (shown,) = schema["examples"]

    assert decode_fact(example.TYPE, json.dumps(shown).encode()) == example
    assert set(shown) <= set(schema["properties"])
    assert set(schema["required"]) <= set(shown)


def test_the_example_of_the_envelope_decodes():
    """The first thing that a stranger copies works."""
    schema = json.loads((FOLDER / "envelope.v1.json").read_text("utf-8"))
    envelope = decode_envelope(json.dumps(schema["examples"][0]).encode())

    assert decode_fact(envelope.type, bytes(envelope.data)).order_id == envelope.subject


def test_the_letter_is_not_published():
    """No schema names an address or a letter among the decisions."""
    published = (FOLDER / "message.queued.v1.json").read_text("utf-8")

    assert '"letter"' not in published
    assert '"to"' not in published


def test_where_somebody_lives_is_not_published():
    """A label's request tells the world its country, and only its seller the street."""
    published = (FOLDER / "return_label.requested.v1.json").read_text("utf-8")
    (known,) = (one for one in EXAMPLES if isinstance(one, ReturnLabelRequested))
    asked = msgspec.structs.replace(known, sender=Address(street="12 Secret Lane", city="Salem"))
    event = Event(id="1", source="x", order_id=asked.order_id, occurred_at=NOW, recorded_at=NOW, fact=asked)

    assert '"sender"' not in published
    assert b"Secret" in encode_fact(asked)
    assert b"Secret" not in encode_envelope(event)
    assert encode_envelope(event) == encode_envelope(msgspec.structs.replace(event, fact=known))


def test_every_type_stands_on_one_topic():
    """The AsyncAPI document names every published type once."""
    text = (FOLDER / ASYNCAPI).read_text("utf-8")

    assert [text.count(f'"name": "{example.TYPE}"') for example in EXAMPLES] == [1] * len(EXAMPLES)
    assert [topic in text for topic in ('"orders"', '"shipments"', '"firstword.decisions"')] == [True] * 3


def test_the_described_topics_are_those_of_a_deployment_that_sets_none() -> None:
    """Who follows the document finds the topics that `firstword topics create` makes."""
    document = yaml.safe_load((FOLDER / ASYNCAPI).read_text("utf-8"))
    topics = topics_of(Settings())

    assert [channel["address"] for channel in document["channels"].values()] == [
        *topics.sources,
        topics.decisions.name,
    ]
    group = document["operations"]["takeOrders"]["bindings"]["kafka"]["groupId"]["const"]
    assert group == f"{Settings().topic_prefix}-ingest"


def test_a_published_schema_never_changes(tmp_path):
    """A changed or missing file is told, and writing over it is refused."""
    write(tmp_path)
    assert check(tmp_path) == []
    changed, gone = tmp_path / "order.placed.v1.json", tmp_path / "order.changed.v1.json"
    changed.write_text(changed.read_text("utf-8").replace("maxLength", "maximumLength"), "utf-8")
    gone.unlink()

    wrong = "\n".join(check(tmp_path))
    assert "order.placed.v1.json was published and has changed since" in wrong
    assert "order.changed.v1.json was published and is missing" in wrong

    lock = tmp_path / LOCK
    lock.write_text(
        lock.read_text("utf-8").replace(read_lock(tmp_path)["envelope.v1.json"], "0" * 64), "utf-8"
    )
    with pytest.raises(InputProblem, match=r"envelope\.v1\.json was published"):
        write(tmp_path)


def test_the_command_writes_and_checks(tmp_path, capsys):
    """Exit codes: 0 fine, 1 found something, 2 used wrongly."""
    assert main(["check", str(tmp_path)]) == 1
    assert f"order.placed.v1.json is not in {LOCK}" in capsys.readouterr().out
    assert main(["write", str(tmp_path)]) == 0
    assert main(["check", str(tmp_path)]) == 0
    assert main(["polish", str(tmp_path)]) == 2
    assert main(["check", str(tmp_path / "nowhere")]) == 2
    assert {file.name for file in tmp_path.iterdir()} == {*generated(), LOCK}
