"""Costs that a simulated week rarely makes: two troubles in one case, money that comes back, words that come late."""

from datetime import timedelta
from itertools import permutations

import pytest

from streams.codec.blocks import to_entry
from streams.core import events as facts
from streams.core.ids import identify
from streams.core.money import Money
from streams.embedded.journal import LoggedDecision
from streams.ops.read_model.costs import SEVERAL, UNKNOWN
from streams.ops.read_model.follow import open_tables
from streams.ops.read_model.portions import Heard, Portion
from streams.ops.read_model.projector import Projector
from streams.ops.read_model.reading import open_reading
from tests.builders import FRIDAY, HOUR, ORDER, event, labelled, packed, placed

CASE = identify("case", ORDER)
LATE, WRONG = "exc_late", "exc_wrong"
RETURN = identify("ret", ORDER, WRONG)


class Book:
    """Tables that take one fact at a time."""

    def __init__(self, place):
        self._engine = open_tables(place)
        self._projector = Projector(self._engine)
        self.reading = open_reading(place)
        self._number = 0

    def decide(self, *told):
        for fact in told:
            self._number += 1
            name = getattr(fact, "decision_id", f"out_{fact.TYPE}")
            now = FRIDAY + self._number * HOUR
            self._write(
                decided=[LoggedDecision(number=self._number, id=name, type=fact.TYPE, now=now, fact=fact)]
            )

    def hear(self, *told):
        for number, fact in enumerate(told):
            self._number += 1
            one = event(fact, identity=f"evt-{self._number}-{number}")
            self._write(heard=[Heard(self._number, 0, to_entry(one))])

    def _write(self, **parts):
        before = self._projector.reached()
        assert self._projector.write(Portion(reached={("journal", 0): self._number}, **parts), before)

    def costs(self, by="remedy", **more):
        """Name, currency, remedies, granted, spent, open; row by row."""
        told = self.reading.costs(by, "US", **more).rows
        return [(row.name, row.currency, row.remedies, row.granted, row.spent, row.open) for row in told]

    def close(self):
        self.reading.close()
        self._engine.dispose()


@pytest.fixture
def book(tmp_path):
    made = Book(str(tmp_path / "readmodel.sqlite"))
    yield made
    made.close()


def opened(exception_id, kind, subject="order"):
    return facts.ExceptionOpened(
        order_id=ORDER,
        decision_id=f"dec_{exception_id}",
        exception_id=exception_id,
        case_id=CASE,
        kind=kind,
        subject=subject,
        severity="major",
        since=FRIDAY + timedelta(minutes=1),
    )


def usd(minor):
    return Money(minor=minor, currency="USD")


def label():
    return facts.ReturnLabelRequested(
        order_id=ORDER,
        decision_id="dec_label",
        case_id=CASE,
        return_id=RETURN,
        lines=(),
        cost=usd(900),
        keep_after=FRIDAY.date(),
    )


def issued(price=None):
    return facts.ReturnLabelIssued(
        order_id=ORDER,
        case_id=CASE,
        return_id=RETURN,
        label_id="lbl-1",
        carrier="UPS",
        tracking_number="1Z-BACK",
        cost=price or usd(745),
    )


def voided(*, refunded):
    return facts.ReturnLabelVoided(
        order_id=ORDER, case_id=CASE, return_id=RETURN, label_id="lbl-1", refunded=refunded
    )


def replacement(exception_id, number=""):
    name = identify("rep", ORDER, exception_id, *([number] if number else []))
    return facts.ReplacementRequested(
        order_id=ORDER,
        decision_id=f"dec_{name}",
        case_id=CASE,
        replacement_id=name,
        lines=(),
        expedited=True,
        cost=usd(4200),
    )


def credit(exception_id, stage=1):
    name = identify("gwl", ORDER, exception_id, str(stage))
    return facts.GoodwillGranted(
        order_id=ORDER, decision_id=f"dec_{name}", case_id=CASE, goodwill_id=name, cost=usd(500)
    )


def test_a_label_costs_its_price_and_nothing_while_nobody_sold_it(book):
    """The decision says 9.00; the seller took 7.45."""
    book.decide(opened(WRONG, "wrong_item"), label())
    assert book.costs() == [("return_label", "USD", 1, 900, 0, 900)]
    book.decide(issued())

    assert book.costs() == [("return_label", "USD", 1, 900, 745, 0)]


@pytest.mark.parametrize(("refunded", "spent"), [(True, 0), (False, 745)])
def test_a_label_that_was_not_used_costs_what_its_seller_keeps(book, refunded, spent):
    """The decision stays granted: it was."""
    book.decide(opened(WRONG, "wrong_item"), label(), issued(), voided(refunded=refunded))

    assert book.costs() == [("return_label", "USD", 1, 900, spent, 0)]


def test_a_label_in_another_currency_is_not_added_to_ours(book):
    """Granted in dollars, paid in euro: two rows, and no sum of both."""
    book.decide(opened(WRONG, "wrong_item"), label(), issued(Money(minor=690, currency="EUR")))

    assert book.costs() == [("return_label", "EUR", 0, 0, 690, 0), ("return_label", "USD", 1, 900, 0, 0)]


def test_what_came_of_it_may_be_read_first(tmp_path):
    """Whichever order the records of a label are read in, it costs the same."""
    told = [label(), issued(), voided(refunded=True)]
    found = []
    for number, order in enumerate(permutations(told)):
        book = Book(str(tmp_path / f"{number}.sqlite"))
        book.decide(opened(WRONG, "wrong_item"), *order)
        found.append(book.costs("kind"))
        book.close()

    assert found == [[("wrong_item", "USD", 1, 900, 0, 0)]] * 6


def test_a_refused_replacement_costs_nothing(book):
    """Out of stock: no goods left the house."""
    asked = replacement(WRONG)
    book.decide(opened(WRONG, "wrong_item"), asked)
    book.decide(
        facts.ReplacementRefused(
            order_id=ORDER, case_id=CASE, replacement_id=asked.replacement_id, reason="out of stock"
        )
    )

    assert book.costs() == [("expedited_replacement", "USD", 1, 4200, 0, 0)]


def test_each_remedy_counts_for_the_trouble_that_it_is_for(book):
    """Not for the newest one of the case: ids are made of their trouble."""
    book.decide(opened(WRONG, "wrong_item"), opened(LATE, "late_delivery"))
    book.decide(replacement(WRONG, "1"), credit(LATE, 2), label())

    assert {row[0]: row[3] for row in book.costs("kind")} == {"wrong_item": 5100, "late_delivery": 500}


def test_a_refund_counts_for_the_trouble_of_what_it_stands_in_for(book):
    """The goods were sold out, and the newest trouble is another one."""
    asked = replacement(WRONG)
    name = identify("rfd", ORDER, asked.replacement_id)
    refund = facts.RefundGranted(
        order_id=ORDER, decision_id="dec_rfd", case_id=CASE, refund_id=name, lines=(), cost=usd(3000)
    )
    book.decide(opened(WRONG, "wrong_item"), asked, opened(LATE, "late_delivery"), refund)

    assert [row[:4] for row in book.costs("kind")] == [("wrong_item", "USD", 2, 7200)]


def test_carrier_and_station_are_those_of_the_parcel_that_went_wrong(book):
    """The other parcel of the order is none of its business; a trouble of the whole order has several."""
    book.hear(placed(), packed({"A": 1}, shipment_id="BOX-1"), labelled(shipment_id="BOX-1"))
    other = facts.ShipmentCreated(order_id=ORDER, shipment_id="BOX-2", carrier="Snail", tracking_number="S-2")
    book.hear(other)
    station = facts.ShipmentPacked(order_id=ORDER, shipment_id="BOX-2", lines=(), station="table 7")
    book.hear(station)
    book.decide(opened(WRONG, "wrong_item", "BOX-2"), label(), opened(LATE, "late_delivery"), credit(LATE))

    assert {row[0]: row[3] for row in book.costs("carrier")} == {"Snail": 900, SEVERAL: 500}
    assert {row[0]: row[3] for row in book.costs("station")} == {"table 7": 1400}


def test_what_nobody_said_is_unknown(book):
    """No parcel, no country, no trouble: the sum is there all the same."""
    book.decide(credit(LATE))

    assert [book.costs(by) for by in ("kind", "carrier", "station")] == [
        [(UNKNOWN, "USD", 1, 500, 500, 0)]
    ] * 3
    assert book.costs("lane") == [(f"US to {UNKNOWN}", "USD", 1, 500, 500, 0)]


def test_a_decision_that_is_told_twice_is_paid_once(book):
    """Sent again after a restart, under its id."""
    book.decide(opened(LATE, "late_delivery"), credit(LATE), credit(LATE))

    assert book.costs() == [("goodwill_credit", "USD", 1, 500, 500, 0)]
