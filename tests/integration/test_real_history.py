"""A real history in the published layout: every event that others counted comes out, in the order of time."""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from streams.sources import discover

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "olist"
ZONE = ZoneInfo("America/Sao_Paulo")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded history is not beside this checkout"),
]


@pytest.fixture(scope="module")
def history():
    """All facts of the folder; prints how fast they came."""
    source = discover()["csv_history"]
    start = time.perf_counter()
    found = [source.translate(record) for record in source.read(str(FOLDER))]
    seconds = time.perf_counter() - start
    print(f"\n{len(found):,} records in {seconds:.2f} s = {len(found) / seconds:,.0f}/s")
    return found


def published():
    """Yield type, order and UTC time of every event, as somebody else converted the same tables."""
    from datetime import UTC, datetime

    with gzip.open(FOLDER / "events_train_before_2018-05-01.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            moment = datetime.fromisoformat(event["occurred_at"]).replace(tzinfo=ZONE).astimezone(UTC)
            yield event, moment


def test_all_events_in_the_order_of_time(history):
    """116,888 events, none refused, none before its time; ties in the order placed, approved, handed over, delivered."""
    facts = [incoming for found in history for incoming in found]
    ranks = {"order.placed": 0, "payment.approved": 1, "handed_to_carrier": 2, "delivered": 3}
    keys = [(fact.occurred_at, ranks[fact.id.partition(":")[2]]) for fact in facts]

    assert len(facts) == 116_888
    assert len({fact.id for fact in facts}) == 116_888
    assert keys == sorted(keys)


def test_the_same_events_as_others_found(history):
    """Type, order and moment agree one by one with a conversion that nobody of us wrote."""
    ours = Counter(
        (found[0].id.partition(":")[2], found[0].order_id, found[0].occurred_at) for found in history
    )
    theirs = Counter((event["type"], event["order_id"], moment) for event, moment in published())

    assert ours == theirs


def test_the_same_promises_lines_and_limits(history):
    """Promised day, articles, prices and the shipping limit agree with that conversion."""
    facts = {found[0].id: found[0].fact for found in history}
    checked = Counter()
    for event, _ in published():
        fact = facts[f"{event['order_id']}:{event['type']}"]
        if event["type"] == "order.placed":
            assert event["data"]["promised_date"] == fact.promise.by
            lines = [(line["product_id"], round(line["price"] * 100)) for line in event["data"]["items"]]
            assert lines == [(line.sku, line.unit_price.minor) for line in fact.lines]
            assert event["data"]["customer_id"] in {fact.customer.customer_id, None}
        elif event["type"] == "payment.approved":
            assert (event["data"]["ship_by"] is None) == (fact.ship_by is None)
        checked[event["type"]] += 1

    assert checked == {
        "order.placed": 30_599,
        "payment.approved": 30_406,
        "handed_to_carrier": 28_843,
        "delivered": 27_040,
    }
