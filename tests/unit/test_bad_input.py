"""Every kind of bad input becomes a rejection with a code, a reason and a way out, and nothing raises."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from streams.codec import strict_json
from streams.codec.envelope import decode_envelope, encode_envelope
from streams.codec.examples import DECISION_EXAMPLES
from streams.core.events import Event, Letter
from streams.pipeline.ports import Incoming, Record, Rejected
from streams.problems import InputProblem
from streams.sources import discover
from streams.sources.native.adapter import SOURCE

GOOD = {
    "specversion": "1.0",
    "id": "9f2c",
    "source": "shop/eu",
    "type": "order.canceled.v1",
    "subject": "ORD-1",
    "time": "2026-11-20T10:15:00Z",
    "data": {"order_id": "ORD-1", "reason": "customer"},
}


def changed(**fields):
    event = GOOD | fields
    return json.dumps({key: value for key, value in event.items() if value is not ...}).encode()


def data(text):
    return changed(data=...)[:-1] + b', "data": ' + text.encode() + b"}"


BAD = {
    "bad UTF-8": (b'{"id": "caf\xe9"}', "not-utf8", "byte 11"),
    "bad UTF-8 inside unknown data": (
        data('{"order_id":"ORD-1","x":"?"}').replace(b"?", b"\xff"),
        "not-utf8",
        "byte",
    ),
    "overlong surrogate bytes": (b'{"id": "\xed\xa0\x80"}', "not-utf8", "byte 8"),
    "NUL byte": (b'{"id": "a\x00b"}', "json-malformed", "byte 9"),
    "NUL alone": (b"\x00", "json-malformed", "byte 0"),
    "NUL escaped": (data('{"order_id":"ORD-1","reason":"a\\u0000b"}'), "json-nul", "U+0000"),
    "truncated": (changed()[:40], "json-truncated", "byte 40"),
    "truncated in the middle of an escape": (b'{"id": "\\u00', "json-truncated", "byte 12"),
    "empty": (b"", "json-empty", "empty"),
    "blanks": (b"  \n", "json-empty", "empty"),
    "not JSON": (b"hello", "json-malformed", "byte 0"),
    "NaN": (data('{"order_id":"ORD-1","x":NaN}'), "json-malformed", "byte"),
    "trailing comma": (b'{"id": "1",}', "json-malformed", "byte"),
    "two values": (b'{"id": 1} {"id": 2}', "json-malformed", "byte 11"),
    "over 1 MiB": (changed(extension="x" * strict_json.MAX_BYTES), "record-too-large", "1048576"),
    "duplicate key": (changed()[:-1] + b', "id": "other"}', "json-duplicate-key", "'id'"),
    "duplicate key in data": (
        data('{"order_id":"ORD-1","reason":"a","reason":"b"}'),
        "json-duplicate-key",
        "'reason'",
    ),
    "duplicate key behind an escaped colon": (
        data('{"order_id":"ORD-1","x":"\\u003a","reason":"a","reason":"b"}'),
        "json-duplicate-key",
        "'reason'",
    ),
    "deep nesting": (data("[" * 100 + "]" * 100), "json-too-deep", "64"),
    "nesting beyond any stack": (b"[" * 100_000, "json-too-deep", "64"),
    "high surrogate alone": (data('{"order_id":"ORD-1","reason":"\\ud83d"}'), "json-lone-surrogate", "UTF-8"),
    "low surrogate alone": (
        data('{"order_id":"ORD-1","reason":"\\ude00 x"}'),
        "json-lone-surrogate",
        "UTF-8",
    ),
    "surrogate in a name": (data('{"order_id":"ORD-1","\\ud83d":1}'), "json-lone-surrogate", "UTF-8"),
    "a number of 5000 digits": (
        data('{"order_id":"ORD-1","x":' + "9" * 5000 + "}"),
        "json-malformed",
        "range",
    ),
    "a number out of range": (data('{"order_id":"ORD-1","x":1e999}'), "json-malformed", "range"),
    "no object": (b"[1]", "envelope-invalid", "$"),
    "no specversion": (changed(specversion=...), "envelope-invalid", "specversion"),
    "specversion 0.3": (changed(specversion="0.3"), "envelope-version", "1.0"),
    "id missing": (changed(id=...), "envelope-invalid", "id"),
    "id a number": (changed(id=7), "envelope-invalid", "$.id"),
    "id empty": (changed(id=""), "envelope-name", "$.id"),
    "id blank": (changed(id="  "), "envelope-name", "$.id"),
    "id unprintable": (changed(id="a\nb"), "envelope-name", "$.id"),
    "id endless": (changed(id="x" * 300), "envelope-name", "$.id"),
    "source empty": (changed(source=""), "envelope-name", "$.source"),
    "time missing": (changed(time=...), "envelope-invalid", "time"),
    "time without offset": (changed(time="2026-11-20T10:15:00"), "time-without-offset", "$.time"),
    "time not a time": (changed(time="yesterday"), "envelope-invalid", "yesterday"),
    "time a number": (changed(time=1700000000), "envelope-invalid", "$.time"),
    "year 0001": (changed(time="0001-01-01T00:00:00+14:00"), "time-out-of-range", "1990"),
    "year 9999": (changed(time="9999-12-31T23:59:59-12:00"), "time-out-of-range", "2100"),
    "data missing": (changed(data=...), "envelope-data", "missing"),
    "data binary": (changed(data=..., data_base64="AAAA"), "envelope-data", "binary"),
    "data declared as XML": (changed(datacontenttype="text/xml"), "envelope-data", "text/xml"),
    "data no object": (changed(data=[1]), "fact-invalid", "object"),
    "data null": (changed(data=None), "fact-invalid", "object"),
    "data mistyped": (changed(data={"order_id": 7}), "fact-invalid", "$.data.order_id"),
    "order id empty": (changed(data={"order_id": ""}), "fact-invalid", "$.data.order_id"),
    "order id unprintable": (
        changed(subject=..., data={"order_id": "a\nb"}),
        "order-id-unusable",
        "printable",
    ),
    "type unknown": (changed(type="order.melted.v1"), "type-unknown", "no fact"),
    "subject of another order": (changed(subject="ORD-2"), "subject-mismatch", "ORD-2"),
}


@pytest.mark.parametrize(("raw", "code", "told"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_rejected(raw, code, told):
    """Code, reason and way out are there; the reason names the byte, the path or the limit."""
    found = SOURCE.translate(Record(source="native", place="orders.ndjson:17", position=16, raw=raw))

    assert isinstance(found, Rejected)
    assert code == found.code
    assert told in found.why
    assert found.hint


def test_the_good_event_passes():
    """The bad ones above differ from this one in the one thing that their names say."""
    (found,) = SOURCE.translate(Record(source="native", place="x", position=0, raw=changed()))

    assert isinstance(found, Incoming)
    assert (found.id, found.source, found.order_id) == ("9f2c", "shop/eu", "ORD-1")


GENEROUS = {
    "escapes that are fine": data('{"order_id":"ORD-1","reason":"\\ud83d\\ude00 \\u003a \\\\u0000"}'),
    "colons and quotes inside text": data(
        '{"order_id":"ORD-1","reason":"a\\":b: {[","x":{"y":[1,2,{"z":":"}]}}'
    ),
    "white space around colons": data('{ "order_id" : "ORD-1" ,\n "x" : {"a" : 1} }'),
    "numbers beyond 64 bits": data('{"order_id":"ORD-1","x":' + "9" * 300 + "}"),
    "the same name in different objects": data('{"order_id":"ORD-1","x":[{"a":1},{"a":2}]}'),
    "many shallow objects": data('{"order_id":"ORD-1","x":[' + ",".join(["{}"] * 500) + "]}"),
    "extensions": changed(traceparent="00-0af7"),
    "another offset": changed(time="2026-11-20T07:15:00-03:00"),
}


@pytest.mark.parametrize("raw", GENEROUS.values(), ids=GENEROUS.keys())
def test_unusual_input_is_read(raw):
    """Strange is not wrong."""
    found = SOURCE.translate(Record(source="native", place="x", position=0, raw=raw))

    assert isinstance(found, tuple), found
    assert found[0].fact.order_id == "ORD-1"


def test_data_is_kept_as_it_arrived():
    """White space, unknown fields and their order come out as they went in."""
    text = '{ "mood" : "sad",  "order_id":"ORD-1" }'
    (found,) = SOURCE.translate(Record(source="native", place="x", position=0, raw=data(text)))

    assert found.data == text.encode()


def test_the_public_envelope_leaves_the_letter_at_home():
    """Nothing private is in the public log, and it reads like any CloudEvent."""
    queued = next(fact for fact in DECISION_EXAMPLES if fact.TYPE == "message.queued.v1")
    with_letter = type(queued)(
        **{name: getattr(queued, name) for name in queued.__struct_fields__ if name != "letter"},
        letter=Letter(to="ines@example.com", time_zone="UTC"),
    )
    when = decode_envelope(changed()).time
    event = Event(
        id="d", source="firstword", order_id="ORD-1", occurred_at=when, recorded_at=when, fact=with_letter
    )
    raw = encode_envelope(event)

    assert b"example.com" not in raw
    assert b"letter" not in raw
    envelope = decode_envelope(raw)
    assert (envelope.type, envelope.subject, envelope.time) == ("message.queued.v1", "ORD-1", when)


# ---------------------------------------------------------------------------- files


def read(path, after=-1, name="native"):
    return list(discover()[name].read(str(path), after=after))


def test_a_line_of_50_megabytes_is_never_held_whole(tmp_path):
    """It becomes one dead letter with its place and first kilobyte; its neighbors are read."""
    import tracemalloc

    file = tmp_path / "orders.ndjson"
    with file.open("wb") as out:
        out.write(changed() + b"\n" + b'{"id": "')
        for _ in range(50):
            out.write(b"x" * (1 << 20))
        out.write(b'"}\n' + changed(id="last"))
    tracemalloc.start()
    records = read(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [record.place for record in records] == ["orders.ndjson:1", "orders.ndjson:2", "orders.ndjson:3"]
    assert (len(records[1].raw), records[1].raw[:8]) == (1024, b'{"id": "')
    found = SOURCE.translate(records[1])
    assert found.code == "record-too-large"
    assert str(50 * (1 << 20) + 11) in found.why
    assert records[2].raw == changed(id="last")
    assert peak < 8 * (1 << 20)


def test_a_restart_goes_on_behind_its_position(tmp_path):
    """Positions count records, not lines: blank lines are none."""
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(changed(id="3") + b"\n"))
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + changed(id="1") + b"\r\n\n\n" + changed(id="2"))

    assert [(r.place, r.position) for r in read(tmp_path)] == [
        ("a.jsonl:1", 0),
        ("a.jsonl:4", 1),
        ("b.ndjson.gz:1", 2),
    ]
    assert read(tmp_path)[0].raw == changed(id="1"), "the byte order mark is no part of the record"
    assert [json.loads(r.raw)["id"] for r in read(tmp_path, after=0)] == ["2", "3"]


def test_a_broken_archive_keeps_what_was_whole(tmp_path):
    """The lines before the break are read, then one dead letter tells of it."""
    rows = b"\n".join(changed(id=f"{number}-{hash(str(number)) % 997}") for number in range(5000))
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(rows)[:-2000])
    *whole, last = read(tmp_path)

    assert len(whole) > 10
    assert SOURCE.translate(last).code == "file-unreadable"
    assert SOURCE.translate(last).hint


def test_nothing_to_read_is_told_before_the_run(tmp_path):
    """A path that holds nothing is the person's mistake, not a dead letter."""
    with pytest.raises(InputProblem) as missing:
        read(tmp_path / "nowhere")
    with pytest.raises(InputProblem) as empty:
        read(tmp_path)

    assert [missing.value.code, empty.value.code] == ["source-not-found", "source-empty"]


def test_a_document_over_many_lines_is_one_record(tmp_path):
    """A webhook body saved by an editor is read whole; a large one is refused whole."""
    (tmp_path / "a.json").write_text(json.dumps(GOOD, indent=2), "utf-8")
    (tmp_path / "b.json").write_text(json.dumps(GOOD | {"x": ["y" * 99] * 20_000}, indent=2), "utf-8")
    one, large = read(tmp_path)

    assert isinstance(SOURCE.translate(one), tuple)
    assert SOURCE.translate(large).code == "record-too-large"
    assert (len(large.raw), large.place) == (1024, "b.json")


COLUMNS = (
    "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
    "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date"
)


def write_orders(folder: Path, *rows: str, header: str = COLUMNS) -> Path:
    (folder / "olist_orders_dataset.csv").write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return folder


def test_a_missing_column_names_the_nearest(tmp_path):
    """Where, what is there, and what was probably meant."""
    write_orders(tmp_path, header=COLUMNS.replace("order_purchase_timestamp", "order_purchase_time"))
    with pytest.raises(InputProblem) as caught:
        read(tmp_path, name="csv_history")

    assert caught.value.code == "column-missing"
    assert caught.value.where == "olist_orders_dataset.csv:1"
    assert "'order_purchase_time'" in caught.value.hint


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ("[orders", "Expected"),
        ("[orders]\nfile = 'a.csv'", "columns"),
        (
            "zone = 'Mars/Olympus'\n[orders]\nfile='a'\n[orders.columns]\norder_id='a'\nplaced='b'",
            "Mars/Olympus",
        ),
        ("sauce = 1\n[orders]\nfile='a'\n[orders.columns]\norder_id='a'\nplaced='b'", "sauce"),
        ("delimiter = ''\n[orders]\nfile='a'\n[orders.columns]\norder_id='a'\nplaced='b'", "delimiter"),
    ],
)
def test_a_bad_mapping_is_told(tmp_path, mapping, told):
    """A mapping that cannot be understood stops the run with its reason."""
    (tmp_path / "mapping.toml").write_text(mapping, "utf-8")
    with pytest.raises(InputProblem) as caught:
        read(tmp_path, name="csv_history")

    assert caught.value.code == "mapping-invalid"
    assert told in caught.value.why
    assert caught.value.hint


def test_an_endless_quote_spoils_its_row_only_as_far_as_it_reaches(tmp_path):
    """Rows before a quote that never closes are read; what it swallowed is told once."""
    good = "a,c,created,2018-01-14 14:33:00,,,,2018-02-05 00:00:00"
    write_orders(tmp_path, good, 'b,"c,created,2018-01-14', good.replace("a,", "z,", 1))
    bad, first = read(tmp_path, name="csv_history")

    assert bad.place == "olist_orders_dataset.csv:3"
    assert bad.parsed.code == "csv-columns"
    assert first.parsed.id == "a:order.placed"


def test_clocks_that_go_back_and_forward_are_read_the_same_way_each_time(tmp_path):
    """23:30 came twice on 2018-02-17 in Sao Paulo: the first pass; 00:30 on 2017-10-15 never came: 03:30 UTC."""
    row = "{},c,created,{},,,,2018-05-05 00:00:00"
    write_orders(tmp_path, row.format("a", "2018-02-17 23:30:00"), row.format("b", "2017-10-15 00:30:00"))
    found = {
        record.parsed.id[0]: record.parsed.occurred_at.isoformat()
        for record in read(tmp_path, name="csv_history")
    }

    assert found == {"a": "2018-02-18T01:30:00+00:00", "b": "2017-10-15T03:30:00+00:00"}


def test_orders_whose_customer_was_lost_stay_apart(tmp_path):
    """An export without customer ids does not make one customer of all its orders, nor another one each run."""
    row = "{},,created,2018-01-14 14:33:00,,,,2018-05-05 00:00:00"
    write_orders(tmp_path, row.format("a"), row.format("b"))
    first, again = (
        [record.parsed.fact.customer.customer_id for record in read(tmp_path, name="csv_history")]
        for _ in range(2)
    )

    assert len(set(first)) == 2
    assert first == again


def test_a_row_without_its_table_is_rejected():
    """A dead letter of a table is mended in the table."""
    found = discover()["csv_history"].translate(
        Record(source="csv_history", place="x", position=0, raw=b"a,b")
    )

    assert found.code == "csv-row-alone"
