"""Thirty thousand real orders under three policies: figures equal to what anybody can compute from the labels."""

import csv
import gzip
import statistics
import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.command_line import document, firstword
from tests.embedded_runs import SHARED

OLIST = SHARED / "data" / "olist"
LABELS = OLIST / "labels_train_knowable_at_cut.csv.gz"
HERE = ZoneInfo("America/Sao_Paulo")
LEAD = timedelta(days=5)
PATIENCE = timedelta(hours=36)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.slow,
    pytest.mark.skipif(not LABELS.exists(), reason="the real orders are not beside this checkout"),
]

# Lateness alone is told, by day and night, at once or with patience; every other kind is left untold.
BARE = """
[quiet]
start = "00:00"
end = "00:00"
[budgets.order]
BRL = 1000000000
[respond.late_delivery]
tell_after = "{tell_after}"
remedies = ["apology", "shipping_refund"]
[respond.late_delivery.major]
remedies = ["apology", "shipping_refund"]
[respond.late_delivery.severe]
remedies = ["apology", "shipping_refund"]
[respond.at_risk]
message = "{at_risk}"
[respond.never_handed_over.major]
message = "none"
remedies = []
[respond.lost]
message = "none"
remedies = []
[respond.second_failure]
message = "none"
remedies = []
person = false
[detect.at_risk]
lead_days = 5
[detect.lost]
untracked_days = 250
"""
POLICIES = {
    "at-once": {"tell_after": "0s", "at_risk": "none"},
    "patient": {"tell_after": "36h", "at_risk": "none"},
    "early": {"tell_after": "0s", "at_risk": "at_risk"},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The figures by policy, and how long it took."""
    folder = tmp_path_factory.mktemp("backtest-olist")
    files = []
    for name, said in POLICIES.items():
        files += ["--policy", folder / f"{name}.toml"]
        files[-1].write_text(BARE.format(**said))
    page, began = folder / "report.html", time.perf_counter()
    done = firstword("backtest", "--source", f"csv_history={OLIST}", *files, "--json", "--html", page)
    seconds = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    assert "at-once beside patient and early" in page.read_text()
    figures = document(done)["figures"]
    print(
        f"\n{figures['events']:,} real events under {len(POLICIES)} policies in {seconds:.1f} s, report included"
    )
    return figures, {one["name"]: one for one in figures["policies"]}


def rows(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def moment(text):
    """A time of the tables, local to Brazil, as the instant that it is; None where there is none."""
    return datetime.fromisoformat(text).replace(tzinfo=HERE).astimezone(UTC) if text else None


class Known:
    """An order by the labels: when it was placed, when its promise ended, when it came."""

    def __init__(self, row, handed_over):
        day = date.fromisoformat(row["promised_date"]) + timedelta(days=1)
        self.order_id = row["order_id"]
        self.placed = moment(row["purchased_at"])
        self.ends = datetime(day.year, day.month, day.day, tzinfo=HERE).astimezone(UTC)
        self.came = moment(row["delivered_at"])
        self.left = min(filter(None, (moment(handed_over), self.came)), default=None)
        self.late = row["late"]

    def doubtful(self):
        """The moment from which an order that no carrier has is at risk."""
        since = self.ends - LEAD
        return since if since >= self.placed else self.placed + (self.ends - self.placed) / 2

    def told_late(self, patience, last):
        at = self.ends + patience
        return at if at <= last and (self.came is None or self.came >= at) else None

    def told_at_risk(self, last):
        at = self.doubtful()
        return at if at <= last and (self.left is None or self.left >= at) else None


@pytest.fixture(scope="module")
def known():
    handed_over = {
        row["order_id"]: row["order_delivered_carrier_date"]
        for row in rows(OLIST / "olist_orders_dataset.csv.gz")
    }
    return [Known(row, handed_over[row["order_id"]]) for row in rows(LABELS)]


@pytest.fixture(scope="module")
def last():
    """The last moment of which the tables speak."""
    columns = (
        "order_purchase_timestamp",
        "order_approved_at",
        "order_delivered_carrier_date",
        "order_delivered_customer_date",
    )
    orders = rows(OLIST / "olist_orders_dataset.csv.gz")
    return max(moment(row[column]) for row in orders for column in columns if row[column])


@pytest.fixture(scope="module")
def told(known, last):
    """Who is told first when, by policy, as the labels have it."""
    late = {
        name: {one.order_id: at for one in known if (at := one.told_late(patience, last)) is not None}
        for name, patience in (("at-once", timedelta(0)), ("patient", PATIENCE))
    }
    risky = {one.order_id: at for one in known if (at := one.told_at_risk(last)) is not None}
    return late | {"early": late["at-once"] | risky}


def test_the_history_is_whole(found, last):
    """Every order and every event, up to the last moment in the tables."""
    figures, columns = found

    assert (figures["events"], columns["early"]["orders"]) == (116_888, 30_599)
    assert datetime.fromisoformat(figures["last"]) == last
    assert figures["imagined_addresses"]


def test_late_orders_are_those_of_the_labels(found, known, last):
    """Delivered after the promised day, or open past it when the tables end."""
    by_label = sum(one.late == "1" for one in known)
    open_past_it = sum(one.came is None and one.ends <= last for one in known)

    assert by_label == 1_961
    for column in found[1].values():
        assert column["late"]["orders"] == by_label + open_past_it


def test_orders_told_are_those_of_the_labels(found, told):
    """At once, after a day and a half, and five days ahead: each a different crowd, each counted exactly."""
    counts = {name: column["told"]["orders"] for name, column in found[1].items()}

    assert counts == {name: len(of) for name, of in told.items()}
    assert counts["patient"] < counts["at-once"] < counts["early"]
    assert {name: column["mails"]["count"] for name, column in found[1].items()} == counts


def test_false_alarms_are_those_of_the_labels(found, known, told):
    """Told at risk, and then there within the promise; who is told of lateness alone is never told in vain."""
    in_vain = sum(
        one.order_id in told["early"] and one.came is not None and one.came < one.ends for one in known
    )
    counts = {name: column["false_alarms"]["orders"] for name, column in found[1].items()}

    assert in_vain > 50
    assert counts == {"at-once": 0, "patient": 0, "early": in_vain}


def test_heard_in_time_is_that_of_the_labels(found, known, told, last):
    """Late orders whose first mail went out before the promise broke, after it, and never."""
    late = [one for one in known if one.late == "1" or (one.came is None and one.ends <= last)]
    for name, column in found[1].items():
        heard = [told[name][one.order_id] < one.ends for one in late if one.order_id in told[name]]
        counts = [column["late"][key] for key in ("heard_in_time", "heard_late", "unheard")]

        assert counts == [sum(heard), len(heard) - sum(heard), len(late) - len(heard)]


def test_lead_times_are_those_of_the_labels(found, known, told, last):
    """Tenths and medians of the hours ahead of the broken promise, and ahead of the parcel."""
    for name, column in found[1].items():
        mine = [
            one
            for one in known
            if one.order_id in told[name] and (one.late == "1" or (one.came is None and one.ends <= last))
        ]
        before_break = [one.ends - told[name][one.order_id] for one in mine]
        before_arrival = [one.came - told[name][one.order_id] for one in mine if one.came is not None]

        assert column["late"]["hours_before_break"] == tenths(before_break)
        assert column["late"]["hours_before_arrival"] == tenths(before_arrival)


def tenths(spans):
    hours = [int(span.total_seconds()) / 3600 for span in spans]
    cuts = statistics.quantiles(hours, n=10, method="inclusive")
    return {
        "count": len(hours),
        "p10": pytest.approx(cuts[0], abs=0.006),
        "median": pytest.approx(cuts[4], abs=0.006),
        "p90": pytest.approx(cuts[8], abs=0.006),
    }


def test_refunds_are_the_freight_of_those_told_late(found, known, told):
    """Every late order that was told gets its freight back, once, to the cent."""
    freight = {}
    for row in rows(OLIST / "olist_order_items_dataset.csv.gz"):
        cents = round(float(row["freight_value"]) * 100)
        freight[row["order_id"]] = freight.get(row["order_id"], 0) + cents
    for name in ("at-once", "patient"):
        paid = [freight[order_id] for order_id in told[name] if freight.get(order_id)]
        cost = found[1][name]["cost"]["BRL"]

        assert cost["by_remedy"] == {"shipping_refund": {"count": len(paid), "minor": sum(paid)}}
        assert cost["dearest_order"] == max(paid)


def test_changes_are_those_of_the_labels(found, told):
    """Told by both at another time, or by one alone."""
    first = told["at-once"]
    for name in ("patient", "early"):
        other = told[name]
        expected = {
            "told": len(other.keys() - first.keys()),
            "untold": len(first.keys() - other.keys()),
            "earlier": sum(other[one] < first[one] for one in other.keys() & first.keys()),
            "later": sum(other[one] > first[one] for one in other.keys() & first.keys()),
        }
        changed = found[1][name]["changed"]["by_sort"]

        assert changed == {sort: count for sort, count in expected.items() if count}
