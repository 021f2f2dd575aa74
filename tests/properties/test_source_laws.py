"""Law 10: no adapter raises on any JSON, nor on any bytes; and what it returns is always whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import streams.sources
from streams.codec.blocks import Entry, decode_block, encode_block
from streams.pipeline.ports import Ignored, Incoming, Record, Rejected
from streams.sources import discover

SOURCES = discover()
FOLDER = Path(streams.sources.__file__).parent
LAW = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SAMPLES = [
    json.loads(document)
    for file in sorted(FOLDER.glob("*/samples/*json"))
    for document in (
        file.read_text("utf-8").splitlines() if file.suffix == ".ndjson" else [file.read_text("utf-8")]
    )
    if document.strip()
]
MAILS = [file.read_bytes().splitlines(keepends=True) for file in sorted(FOLDER.glob("*/samples/*.eml"))]
WORDS = sorted(
    {
        "id order order_id orders fulfillment fulfillments refund refunds refund_line_items line_items line_item sku quantity",
        "status status_detail object result tracking_code tracking_details datetime trackers events est_delivery_date",
        "specversion source type subject time data customer lines promise by from created_at happened_at fulfillment_id",
        "Event Tracker tracker.updated 1.0 cancel order.placed.v1 checkpoint.reached.v1 delivered 2026-11-20T10:15:00Z * NaN Infinity 1e99 price currency USD financial_status paid",
    }
)
WORD = st.sampled_from([word for line in WORDS for word in line.split()])
LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**64, max_value=2**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | WORD
)
ANY_JSON = st.recursive(
    LEAF,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(WORD | st.text(), below, max_size=6),
    max_leaves=20,
)


def judge(raw):
    """Translate ``raw`` with every source and check what comes back."""
    for name, source in SOURCES.items():
        found = source.translate(Record(source=name, place="law:10", position=0, raw=raw))
        if isinstance(found, Rejected):
            assert found.code
            assert found.why
            assert found.hint
        elif isinstance(found, Ignored):
            assert found.why
        else:
            assert found
            for incoming in found:
                whole(incoming)


def whole(incoming):
    """A fact that came through can be written into the journal and read back as it is."""
    assert isinstance(incoming, Incoming)
    entry = Entry(
        incoming.order_id or "?",
        incoming.id,
        incoming.source,
        incoming.fact.TYPE,
        incoming.occurred_at,
        incoming.occurred_at,
        incoming.data,
    )
    (event,) = decode_block(encode_block([entry]))
    assert event.fact == incoming.fact
    assert 1 <= len(incoming.id) <= 256
    assert incoming.order_id is None or incoming.order_id == incoming.fact.order_id
    assert "\0" not in incoming.data.decode()


@LAW
@given(st.binary(max_size=200))
@example(b"")
@example(b"[" * 50_000)
@example(b'{"a":' * 50_000)
def test_no_adapter_raises_on_any_bytes(raw):
    """Bytes from anywhere become facts, a refusal or a reason to ignore them."""
    judge(raw)


@LAW
@given(ANY_JSON)
def test_no_adapter_raises_on_any_json(value):
    """JSON of any shape, with the names that adapters look for in the wrong places."""
    judge(json.dumps(value).encode())


@st.composite
def mutations(draw):
    """A sample with up to three of its values replaced, removed or doubled."""
    value = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for _ in range(draw(st.integers(1, 3))):
        places = list(branches(value))
        parent, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "remove", "wrap", "swap"])):
            case "replace":
                parent[key] = draw(ANY_JSON)
            case "remove":
                del parent[key]
            case "wrap":
                parent[key] = [parent[key], parent[key]]
            case "swap":
                other, at = draw(st.sampled_from(places))
                if isinstance(other, list | dict) and (
                    at in other if isinstance(other, dict) else at < len(other)
                ):
                    parent[key] = json.loads(json.dumps(other[at]))
        if not value:
            break
    return value


def branches(value):
    """Yield every place in a value that something could stand at."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in list(pairs):
        yield value, key
        yield from branches(below)


@LAW
@given(mutations())
def test_no_adapter_raises_on_a_damaged_sample(value):
    """Nearly right is the hardest kind of wrong."""
    judge(json.dumps(value).encode())


@LAW
@given(st.sampled_from(SAMPLES), st.data())
def test_no_adapter_raises_on_cut_or_flipped_bytes(sample, draw):
    """Wires cut and disks flip."""
    raw = bytearray(json.dumps(sample, ensure_ascii=False).encode())
    for _ in range(draw.draw(st.integers(1, 4))):
        raw[draw.draw(st.integers(0, len(raw) - 1))] = draw.draw(st.integers(0, 255))
    judge(bytes(raw[: draw.draw(st.integers(0, len(raw)))]))
    judge(bytes(raw))


@st.composite
def damaged_mails(draw):
    """A mail with lines lost, doubled, moved, or taken from another mail, and bytes flipped."""
    lines = list(draw(st.sampled_from(MAILS)))
    others = [line for mail in MAILS for line in mail]
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        match draw(st.sampled_from(["lose", "double", "move", "mix", "cut", "replace"])):
            case "lose":
                lines[at : at + draw(st.integers(1, 8))] = []
            case "double":
                lines.insert(at, lines[at] if lines else b"")
            case "move":
                lines.insert(draw(st.integers(0, len(lines))), lines.pop(at) if lines else b"")
            case "mix":
                lines.insert(at, draw(st.sampled_from(others)))
            case "cut":
                del lines[at:]
            case "replace":
                lines[at : at + 1] = [draw(st.binary(max_size=40)) + b"\n"]
    raw = bytearray(b"".join(lines))
    for _ in range(draw(st.integers(0, 3)) if raw else 0):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw)


@LAW
@given(damaged_mails())
def test_no_adapter_raises_on_a_damaged_mail(raw):
    """Mail systems write what they like, and those between them break what they like."""
    judge(raw)


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("From", "To", "Date", "Received", "Subject", "Content-Type", "Content-Transfer-Encoding"),
                *("Return-Path", "X-Firstword-Message", "X-Firstword-Order", "X-Firstword-Case"),
                *("Action", "Status", "Diagnostic-Code", "Final-Recipient"),
                *("In-Reply-To", "References", "Message-ID", "Auto-Submitted"),
            ]
        ),
        st.text(max_size=30)
        | st.sampled_from(
            [
                "MAILER-DAEMON@a",
                "multipart/report; boundary=b",
                "multipart/mixed; boundary*=a\0b''b",
                "message/delivery-status",
                "message/rfc822",
                "text/plain; charset=\0",
                "base64",
                "failed",
                "5.1.1",
                "Fri, 20 Nov 2026 15:02:04 +9999",
                "bounces+msg_1@a",
                "msg_1",
                "=?utf-8?b?8J+YgA=?=",
                *("<re.case_1.ORD-1@a> <msg_1@a>", "<re64.case_1._w@a>", "<re64.case_1.@a>", "<msg_1@a>"),
                *(
                    "ORD-1 STOP",
                    "=?hex?q?a?=",
                    "=?utf-7?q?+2AA-?=",
                    "text/html",
                    "text/plain; charset=unicode_escape",
                ),
            ]
        ),
    ),
    max_size=6,
).map(lambda fields: "".join(f"{name}: {value}\n" for name, value in fields) + "\n")


@LAW
@given(HEADERS, st.lists(HEADERS | st.just("--b\n") | st.text(max_size=20), max_size=8))
@example("From: a\nContent-Type: multipart/mixed; boundary*=a\0b''b\n\n", [])
@example("", ["Content-Type: message/rfc822\n\n"] * 3_000)
@example("", [f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3_000)])
def test_no_adapter_raises_on_any_mail(head, parts):
    """Fields in the wrong places, parts in parts in parts, and characters that no charset has."""
    judge((head + "".join(parts)).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "csv_history"])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300)
    | st.lists(ANY_JSON, max_size=5).map(lambda v: "\n".join(map(json.dumps, v)).encode())
)
def test_no_file_makes_reading_raise(name, tmp_path, content):
    """Files of any content are read to their end, and positions count up."""
    source = SOURCES[name]
    for ending in ("json", "ndjson", "ndjson.gz"):
        file = tmp_path / f"any.{ending}"
        file.write_bytes(content)
        records = list(source.read(str(file)))
        assert [record.position for record in records] == list(range(len(records)))
        for record in records:
            source.translate(record)


HEADER = "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date\n"
CELL = st.text(max_size=8) | st.sampled_from(
    ["a", "2018-01-14 14:33:00", "2018-02-30", '"', ",", "", "\n", "2018-01-14", "*"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, max_size=9).map(",".join), max_size=6), noise=st.binary(max_size=20))
def test_no_table_makes_reading_raise(tmp_path, rows, noise):
    """Every row of any table becomes facts or a refusal with its line; facts come in the order of time."""
    text = HEADER + "\n".join(rows) + "\n"
    (tmp_path / "olist_orders_dataset.csv").write_bytes(text.encode("utf-8", "surrogatepass") + noise)
    source = SOURCES["csv_history"]
    found = [source.translate(record) for record in source.read(str(tmp_path))]
    facts = [incoming for part in found if isinstance(part, tuple) for incoming in part]
    for incoming in facts:
        whole(incoming)

    assert all(part.why and part.hint for part in found if isinstance(part, Rejected))
    assert facts == sorted(facts, key=lambda incoming: incoming.occurred_at)
