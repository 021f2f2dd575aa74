"""The published schemas, generated from the classes: ``python -m streams.codec.schemas write|check [FOLDER]``.

``released.lock`` holds the SHA-256 of every JSON schema that was published. Such a file never changes: a
new optional field needs a new version of the type, with an upcast from the old one (``upcast.py``).
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from streams.codec.envelope import encode_envelope
from streams.codec.examples import DECISION_EXAMPLES, INBOUND_EXAMPLES, OUTCOME_EXAMPLES
from streams.codec.registry import encode_fact
from streams.core.events import PRIVATE, AnyFact, CheckpointReached, Event
from streams.problems import InputProblem

LOCK = "released.lock"
ASYNCAPI = "asyncapi.yaml"
_ENVELOPE = "envelope.v1.json"
_KAFKA_BINDING = "0.5.0"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SHIPMENT_TYPES = frozenset({"shipment.packed.v1", "shipment.created.v1", "checkpoint.reached.v1"})


def generated() -> dict[str, str]:
    """Return every published file by its name."""
    examples = (*INBOUND_EXAMPLES, *DECISION_EXAMPLES, *OUTCOME_EXAMPLES)
    found = {f"{example.TYPE}.json": _pretty(fact_schema(example)) for example in examples}
    found[_ENVELOPE] = _pretty(envelope_schema())
    found[ASYNCAPI] = _yaml(asyncapi())
    return found


def fact_schema(example: AnyFact) -> dict[str, Any]:
    """Return the JSON Schema of the data of one type, with ``example`` in it."""
    schema = msgspec.json.schema(type(example))
    definitions = schema.pop("$defs")
    own = definitions.pop(schema["$ref"].rpartition("/")[2])
    if isinstance(example, CheckpointReached):
        own["anyOf"] = [{"required": ["tracking_number"]}, {"required": ["order_id", "shipment_id"]}]
    for private in PRIVATE.get(type(example), ()):  # never published
        del own["properties"][private]
        definitions = {name: one for name, one in definitions.items() if name in json.dumps(own)}
    found: dict[str, Any] = {"$schema": _DIALECT, "$id": f"{example.TYPE}.json", **own, "title": example.TYPE}
    found["examples"] = [json.loads(encode_fact(example))]
    if definitions:
        found["$defs"] = definitions
    return found


def envelope_schema() -> dict[str, Any]:
    """Return the JSON Schema of what stands around every fact."""
    name = {"type": "string", "minLength": 1, "maxLength": 256}
    return {
        "$schema": _DIALECT,
        "$id": _ENVELOPE,
        "title": "envelope.v1",
        "description": "CloudEvents 1.0, structured JSON. `id` and `source` identify an event for ever; `time` is "
        "when it happened, by the source's word. Attributes that are not named here are ignored.",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": name,
            "source": name,
            "type": name,
            "subject": name | {"description": "the order id, or the tracking number where no order is known"},
            "time": {"type": "string", "format": "date-time", "description": "RFC 3339 with its offset"},
            "datacontenttype": {"type": "string", "default": "application/json"},
            "data": {
                "type": "object",
                "description": "see the schema named by `type`; unknown fields are kept",
            },
        },
        "examples": [_envelope_example()],
    }


def _envelope_example() -> Any:
    placed = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
    event = Event(
        id="9f2c",
        source="shop/eu",
        order_id="ORD-1001",
        occurred_at=placed,
        recorded_at=placed,
        fact=INBOUND_EXAMPLES[0],
    )
    return json.loads(encode_envelope(event))


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 description of the public topics."""
    orders = [fact.TYPE for fact in INBOUND_EXAMPLES if fact.TYPE not in _SHIPMENT_TYPES]
    shipments = [fact.TYPE for fact in INBOUND_EXAMPLES if fact.TYPE in _SHIPMENT_TYPES]
    decisions = [fact.TYPE for fact in (*DECISION_EXAMPLES, *OUTCOME_EXAMPLES)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "firstword",
            "version": "1",
            "description": "Every record is a CloudEvent 1.0 in structured JSON (envelope.v1.json); its key is the "
            "order id, or the tracking number where no order is known. The names of the topics are those of a "
            "deployment that sets none: FIRSTWORD_TOPICS names others to read, FIRSTWORD_TOPIC_PREFIX replaces "
            "the first part of firstword.decisions.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "orders": _channel(
                "orders",
                "What the shop, its warehouse's plans and its customers say; shipments may come here, too.",
                orders,
            ),
            "shipments": _channel(
                "shipments", "What was packed, labelled and scanned; orders may come here, too.", shipments
            ),
            "decisions": _channel(
                "firstword.decisions",
                "What was decided, and what came of it. What is here twice has the same id.",
                decisions,
            ),
        },
        "operations": {
            "takeOrders": {"action": "receive", "channel": {"$ref": "#/channels/orders"}} | _read_by_us(),
            "takeShipments": {"action": "receive", "channel": {"$ref": "#/channels/shipments"}}
            | _read_by_us(),
            "tellDecisions": {"action": "send", "channel": {"$ref": "#/channels/decisions"}},
        },
        "components": {"messageTraits": {"record": _record_trait()}},
    }


def _read_by_us() -> dict[str, Any]:
    group = {"type": "string", "const": "firstword-ingest"}
    return {"bindings": {"kafka": {"groupId": group, "bindingVersion": _KAFKA_BINDING}}}


def _record_trait() -> dict[str, Any]:
    key = {"type": "string", "description": "the order id, or the tracking number where no order is known"}
    return {
        "contentType": "application/cloudevents+json",
        "correlationId": {"description": "the order", "location": "$message.payload#/subject"},
        "bindings": {"kafka": {"key": key, "bindingVersion": _KAFKA_BINDING}},
    }


def _channel(address: str, description: str, types: list[str]) -> dict[str, Any]:
    messages = {
        wire_type: {
            "name": wire_type,
            "traits": [{"$ref": "#/components/messageTraits/record"}],
            "payload": {
                "allOf": [
                    {"$ref": f"./{_ENVELOPE}"},
                    {"properties": {"type": {"const": wire_type}, "data": {"$ref": f"./{wire_type}.json"}}},
                ]
            },
        }
        for wire_type in types
    }
    return {"address": address, "description": description, "messages": messages}


def _pretty(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _yaml(value: Mapping[str, Any]) -> str:
    return "\n".join(_yaml_lines(value)) + "\n"


def _yaml_lines(value: Any, indent: str = "") -> Iterator[str]:
    """Yield YAML for objects, lists of objects and text; text in JSON quotes, which YAML reads the same."""
    for key, below in value.items():
        if isinstance(below, Mapping):
            yield f"{indent}{json.dumps(key)}:"
            yield from _yaml_lines(below, indent + "  ")
        elif isinstance(below, list):
            yield f"{indent}{json.dumps(key)}:"
            for item in below:
                first, *rest = _yaml_lines(item, indent + "    ")
                yield f"{indent}  - {first.strip()}"
                yield from rest
        else:
            yield f"{indent}{json.dumps(key)}: {json.dumps(below, ensure_ascii=False)}"


# ---------------------------------------------------------------------------- the folder


def digest(text: str) -> str:
    """Return the SHA-256 of a published file, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_lock(folder: Path) -> dict[str, str]:
    """Return file name and SHA-256 of everything that was published; empty where nothing was."""
    lock = folder / LOCK
    if not lock.is_file():
        return {}
    rows = [
        line.split() for line in lock.read_text("utf-8").splitlines() if line and not line.startswith("#")
    ]
    return {row[1]: row[0] for row in rows if len(row) == 2}


def check(folder: Path) -> list[str]:
    """Return what is wrong with the published schemas, a sentence each; empty when nothing is."""
    expected, locked, wrong = generated(), read_lock(folder), []
    for name, released in sorted(locked.items()):
        file = folder / name
        if not file.is_file():
            wrong.append(f"{name} was published and is missing")
        elif digest(file.read_text("utf-8")) != released:
            wrong.append(f"{name} was published and has changed since")
    for name, text in expected.items():
        file = folder / name
        if name != ASYNCAPI and name not in locked:
            wrong.append(f"{name} is not in {LOCK}")
        if not file.is_file() or file.read_text("utf-8") != text:
            wrong.append(f"{name} is not what the code says")
    return wrong


def write(folder: Path, *, unlock: bool = False) -> None:
    """Write the schemas and their lock; with ``unlock`` even over published ones (before a first release).

    Raises:
        InputProblem: ``schema-released``: a published schema would change.
    """
    expected, locked = generated(), {} if unlock else read_lock(folder)
    for name, released in locked.items():
        if name in expected and digest(expected[name]) != released:
            raise InputProblem(
                "schema-released",
                f"{name} was published and would change",
                where=str(folder / name),
                why="other people's programs and old topics rely on it",
                hint="raise the version of the type and add an upcast from the old one in streams/codec/upcast.py",
            )
    for name, text in expected.items():
        (folder / name).write_text(text, "utf-8")
    fresh = {name: digest(text) for name, text in expected.items() if name != ASYNCAPI}
    rows = [f"{hashed}  {name}" for name, hashed in sorted((locked | fresh).items())]
    head = "# SHA-256 of every published schema; such a file never changes (streams/codec/schemas.py)"
    (folder / LOCK).write_text("\n".join([head, *rows]) + "\n", "utf-8")


def main(arguments: list[str]) -> int:
    """Write or check a folder of schemas; return the exit code (0 fine, 1 found something, 2 used wrongly)."""
    flags = {argument for argument in arguments if argument.startswith("--")}
    command, *rest = [argument for argument in arguments if argument not in flags] or [""]
    folder = Path(rest[0] if rest else "schemas")
    if command not in {"write", "check"} or flags - {"--unlock"} or not folder.is_dir():
        sys.stderr.write("usage: python -m streams.codec.schemas write [--unlock] | check  [FOLDER]\n")
        return 2
    if command == "write":
        write(folder, unlock="--unlock" in flags)
        return 0
    wrong = check(folder)
    sys.stdout.write("".join(f"{sentence}\n" for sentence in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
