"""What each remedy offers, when it offers nothing, and what it costs."""

from __future__ import annotations

import msgspec
import pytest

from streams.core.events import Customer, Pieces
from streams.core.money import Money, price, zero
from streams.core.order import Case, Replacement, Return, Trouble
from streams.core.remedy import Situation
from streams.policies.loader import load_policy
from tests import builders as b

POLICY = load_policy()
SWAPPED = {"missing": b.pack({"MARKERS-BLUE": 1}), "extra": b.pack({"MARKERS-RED": 1})}


def situation(*, case=None, kind="wrong_item", severity="major", missing=(), extra=(), **said):
    """Return an order in trouble."""
    order = b.fold(POLICY, b.event(b.placed(**said))).order
    trouble = Trouble(
        exception_id="exc_1",
        kind=kind,
        subject=b.PARCEL,
        severity=severity,
        since=b.FRIDAY,
        opened_at=b.FRIDAY,
        staged_at=b.FRIDAY,
        missing=missing,
        extra=extra,
    )
    kept = case or Case(case_id="case_1")
    return Situation(order=order, case=kept, trouble=trouble, now=b.FRIDAY, policy=POLICY)


def offer(name, **more):
    """Return what a remedy of the standard policy proposes."""
    return POLICY.remedies[name].propose(situation(**more))


ABROAD = Customer(customer_id="C", email="ines@example.com", country="DE")


def test_an_apology_is_no_fact():
    """The letter itself is the remedy, and costs nothing."""
    assert offer("apology", **SWAPPED) is None


@pytest.mark.parametrize(("customer", "cost"), [(b.customer(), 650), (ABROAD, 2200)])
def test_a_label_is_for_what_should_not_be_there(customer, cost):
    """The wrong pieces, at the price of the lane, theirs to keep after 45 days."""
    remedy = msgspec.structs.replace(POLICY.remedies["return_label"], keep_percent=0)
    label = remedy.propose(situation(customer=customer, **SWAPPED))

    assert (label.lines, label.cost.minor) == (SWAPPED["extra"], cost)
    assert (label.keep_after - b.FRIDAY.date()).days == 45


def test_no_label_for_nothing_and_no_second_one():
    """Nothing wrong is with the customer; or a label was asked for already."""
    first = offer("return_label", **SWAPPED)
    known = Return(
        return_id=first.return_id, lines=first.lines, requested_at=b.FRIDAY, keep_after=first.keep_after
    )

    assert offer("return_label", kind="short_shipment", missing=SWAPPED["missing"]) is None
    assert offer("return_label", case=Case(case_id="c", returns=(known,)), **SWAPPED) is None


def test_a_label_for_what_only_the_customer_has_seen():
    """It is wrong by their word; nobody scanned what it is, and they need a label all the same."""
    assert offer("return_label", missing=SWAPPED["missing"]).lines == ()


@pytest.mark.parametrize(("customer", "way"), [(b.customer(), 1800), (ABROAD, 4500)])
def test_a_replacement_costs_the_goods_and_the_way(customer, way):
    """What the customer paid for the pieces, and express service of the lane."""
    wanted = offer("expedited_replacement", customer=customer, **SWAPPED)

    assert (wanted.lines, wanted.expedited) == (SWAPPED["missing"], True)
    assert wanted.cost == Money(minor=1200 + way, currency="USD")


def test_a_lost_order_is_replaced_whole():
    """Nobody knows what was in the parcel: everything that is still wanted."""
    wanted = offer("expedited_replacement", bought={"MARKERS-BLUE": 2, "PLUSH-LAMP": 1})

    assert wanted.lines == b.pack({"MARKERS-BLUE": 2, "PLUSH-LAMP": 1})


@pytest.mark.parametrize(
    ("fate", "offered"),
    [({}, 1), ({"refused": "out of stock"}, 2), ({"status": "canceled"}, 2), ({"status": "delivered"}, 1)],
)
def test_a_piece_is_replaced_once(fate, offered):
    """One of two is on its way already, unless it was refused or canceled."""
    under_way = Replacement(
        replacement_id="rep", lines=b.pack({"MARKERS-BLUE": 1}), requested_at=b.FRIDAY, expedited=True, **fate
    )
    case = Case(case_id="c", replacements=(under_way,))
    wanted = offer(
        "expedited_replacement", case=case, bought={"MARKERS-BLUE": 2}, missing=b.pack({"MARKERS-BLUE": 2})
    )

    assert wanted.lines == (Pieces(sku="MARKERS-BLUE", quantity=offered),)


@pytest.mark.parametrize(
    ("severity", "price", "cents"),
    [
        ("minor", 9000, None),
        ("major", 9000, 450),
        ("severe", 9000, 900),
        ("major", 100, 300),
        ("severe", 90_000, 2500),
    ],
)
def test_goodwill_is_a_share_within_limits(severity, price, cents):
    """Five percent, or ten; not less than three dollars, not more than twenty-five; nothing for a day."""
    granted = offer("goodwill_credit", severity=severity, lines=b.lines(price=price))

    assert (granted.cost.minor if granted else None) == cents


def test_goodwill_is_granted_once_and_in_a_known_currency():
    """A second failure is a person's matter, not a second coupon."""
    some = Money(minor=300, currency="USD")
    yen = msgspec.structs.replace(b.lines()[0], unit_price=Money(minor=9000, currency="JPY"))

    assert offer("goodwill_credit", case=Case(case_id="c", goodwill=some)) is None
    assert offer("goodwill_credit", lines=(yen,)) is None
    assert offer("goodwill_credit", lines=b.lines(price=None), shipping=None) is None


def test_paid_shipping_goes_back_in_full_and_once():
    """What was paid for a date that we did not keep."""
    refund = offer("shipping_refund")

    assert refund.cost == Money(minor=500, currency="USD")
    assert offer("shipping_refund", case=Case(case_id="c", shipping_refund=refund.cost)) is None
    assert offer("shipping_refund", shipping=None) is None


def test_amounts_of_two_currencies_are_never_added():
    """A mistake in a price list stops here."""
    with pytest.raises(ValueError, match="cannot add EUR to USD"):
        _ = zero("USD") + zero("EUR")


@pytest.mark.parametrize(("percent", "share"), [(5, 49), (100, 999), (0, 0)])
def test_a_share_is_rounded_down_to_whole_cents(percent, share):
    """Never a float."""
    assert Money(minor=999, currency="USD").share(percent) == Money(minor=share, currency="USD")


@pytest.mark.parametrize(
    ("currency", "found"), [("EUR", (2, "EUR")), ("JPY", (0, "JPY")), (None, (1, "USD"))]
)
def test_a_price_is_taken_in_the_orders_currency_else_the_shops(currency, found):
    """A currency that nobody has priced costs nothing here: no budget knows it, and a person is asked."""
    money = price({"EUR": 2, "USD": 1}, currency, "USD")

    assert (money.minor, money.currency) == found


def test_an_empty_price_list_costs_nothing():
    """In the order's money."""
    assert price({}, "EUR", "USD") == zero("EUR")


def test_a_sum_beyond_all_reason_stays_within_what_can_be_written_down():
    """A million pieces at the highest price: still a number that the schemas allow and a person sees."""
    dear = Money(minor=10**12, currency="USD")

    assert dear.times(1_000_000) == dear
    assert dear + dear == dear
