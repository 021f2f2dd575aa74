"""Real bodies from many vendors: each is translated, ignored or refused with a reason, and nothing raises."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from streams.pipeline.ports import Ignored, Record, Rejected
from streams.sources import discover

PAYLOADS = Path(__file__).parents[3] / "shared" / "data" / "payloads"
SOURCES = discover()

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the recorded payloads are not beside this checkout"),
]


def translate(name, file):
    raw = file.read_bytes()
    return SOURCES[name].translate(Record(source=name, place=file.name, position=0, raw=raw))


def sort_out(name, prefix):
    """Return facts by type, files by outcome, and print both with the reasons."""
    files, facts, reasons = Counter(), Counter(), Counter()
    for file in sorted(PAYLOADS.glob(f"{prefix}*/*")):
        found = translate(name, file)
        if isinstance(found, Rejected | Ignored):
            assert found.why
            kind = type(found).__name__.lower()
            files[kind] += 1
            reasons[file.parent.name, kind, found.why[:90]] += 1
        else:
            files["translated"] += 1
            facts.update(incoming.fact.TYPE for incoming in found)
    print(f"\n{name}: {dict(files)}, {dict(facts)}")
    for (folder, kind, why), count in sorted(reasons.items()):
        print(f"  {count:4} {folder} {kind}: {why}")
    return files, facts


def test_easypost():
    """Trackers and tracker events translate; everything else has its reason; the sum is the folder."""
    files, facts = sort_out("easypost", "easypost")

    assert sum(files.values()) == len(list(PAYLOADS.glob("easypost*/*"))) == 158
    assert files == {"translated": 21, "ignored": 126, "rejected": 11}
    assert facts["checkpoint.reached.v1"] >= 290


def test_shopify():
    """Orders, fulfillments and their events translate; everything else has its reason."""
    files, facts = sort_out("shopify", "shopify")

    assert sum(files.values()) == len(list(PAYLOADS.glob("shopify*/*"))) == 74
    assert files["translated"] >= 42
    assert files["rejected"] <= 1
    assert facts["order.placed.v1"] >= 28
    assert facts["fulfillment.created.v1"] >= 9
    assert facts["checkpoint.reached.v1"] >= 3


KNOWN = {
    ("easypost", "easypost_examples/tracking_webhook_response.json"): (6, "delivered"),
    ("easypost", "easypost_examples/event-body.json"): (8, "in_transit"),
    ("easypost", "easypost_examples/create_tracker_response.json"): (3, "delivered"),
    ("shopify", "shopify_goshopify/fulfillment_events.json"): (1, "in_transit"),
    ("shopify", "shopify_official_python/fulfillment_event.json"): (1, "pre_transit"),
}


@pytest.mark.parametrize(("name", "path"), KNOWN, ids=[path for _, path in KNOWN])
def test_a_known_parcel(name, path):
    """The number of checkpoints, and the status of the latest, of bodies that a person has read."""
    found = translate(name, PAYLOADS / path)
    latest = max(found, key=lambda incoming: incoming.occurred_at)

    assert KNOWN[name, path] == (len(found), latest.fact.status)


def test_a_known_order():
    """The sample order of the vendor: its lines, its customer, its fulfillment that failed."""
    placed = translate("shopify", PAYLOADS / "shopify_official_python" / "order.json")[0]

    assert (placed.order_id, len(placed.fact.lines), placed.fact.customer.country) == ("450789469", 3, "US")
    assert [line.sku for line in placed.fact.lines] == ["IPOD2008GREEN", "IPOD2008RED", "IPOD2008BLACK"]
    assert {line.unit_price.minor for line in placed.fact.lines} == {19900}


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_raises_on_other_vendors(name):
    """Every file of every vendor goes through every adapter; strangers are refused, never half understood."""
    counts = Counter()
    for file in sorted(PAYLOADS.glob("*/*")):
        found = translate(name, file)
        if isinstance(found, Rejected | Ignored):
            assert found.why
            counts[type(found).__name__] += 1
        else:
            assert file.parent.name.startswith(name), f"{file} is not from {name}"
            counts["translated"] += 1
    print(f"\n{name}: {dict(counts)}")

    assert sum(counts.values()) == len(list(PAYLOADS.glob("*/*"))) == 464
