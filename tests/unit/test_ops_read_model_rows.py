"""What the read model remembers of an order: where it stands, in one word, and who it is for, in a hash."""

from datetime import timedelta

import pytest

from streams.core import events as facts
from streams.core.events import Address, Shipping
from streams.core.ids import address_hash
from streams.ops.read_model.rows import OrderState, hear
from streams.ops.read_model.tables import clean, moment_of, text_of
from tests.builders import DAY, FRIDAY, HOUR, ORDER, customer, event, labelled, placed, scanned

OTHER = {"shipment_id": "PARCEL-2", "tracking_number": "1Z-OTHER"}


def heard(*told):
    """An order after facts that happened so many hours after it was placed."""
    order = OrderState(ORDER)
    for number, (hours, fact) in enumerate(told):
        at = FRIDAY + timedelta(hours=hours)
        hear(order, event(fact, at, recorded_at=FRIDAY + number * DAY))
    return order


PLACED = (0, placed())
SENT = (1, labelled())


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([SENT], "unplaced"),
        ([PLACED], "placed"),
        ([PLACED, SENT], "placed"),
        ([PLACED, SENT, (2, scanned("pre_transit"))], "placed"),
        ([PLACED, SENT, (2, scanned("in_transit"))], "shipped"),
        ([PLACED, SENT, (2, scanned("delivered"))], "delivered"),
        ([PLACED, SENT, (3, scanned("delivered")), (2, scanned("in_transit"))], "delivered"),
        ([PLACED, SENT, (3, scanned("delivered")), (4, scanned("unknown"))], "delivered"),
        ([PLACED, SENT, (1, labelled(**OTHER)), (2, scanned("delivered"))], "shipped"),
        (
            [
                PLACED,
                SENT,
                (1, labelled(**OTHER)),
                (2, scanned("delivered")),
                (2, scanned("delivered", **OTHER)),
            ],
            "delivered",
        ),
        ([PLACED, SENT, (2, scanned("return_to_sender"))], "returning"),
        ([PLACED, (1, facts.OrderCanceled(order_id=ORDER))], "canceled"),
        ([PLACED, (1, facts.OrderCanceled(order_id=ORDER, lines=()))], "placed"),
    ],
)
def test_where_an_order_stands(told, expected):
    """By the latest word about each of its parcels, whichever word came first to us."""
    assert expected == heard(*told).standing


def test_a_parcel_is_one_however_its_number_is_spelled():
    """Carriers write blanks and small letters."""
    spelled = scanned("delivered", tracking_number="1z furry lamp", shipment_id=None)
    order = heard(PLACED, SENT, (2, spelled))

    assert len(order.parcels) == 1
    assert order.standing == "delivered"


def test_the_customers_latest_word_counts_whenever_it_comes():
    """An old change that arrives late changes nothing; an address elsewhere is no name of a person."""
    new = facts.OrderChanged(order_id=ORDER, customer=customer(email="New@Example.com", country="DE"))
    old = facts.OrderChanged(order_id=ORDER, customer=customer(email="old@example.com", country="GB"))
    order = heard(PLACED, (5, new), (3, old))

    assert (order.email_hash, order.country) == (address_hash("new@example.com"), "DE")
    assert "example.com" not in repr(order)


def test_the_country_of_the_parcel_serves_where_the_customer_names_none():
    """Most shops ask only for an address."""
    shipping = Shipping(address=Address(country="BR"))
    order = heard((0, placed(customer=customer(country=None), shipping=shipping)))

    assert order.country == "BR"


def test_text_that_no_database_takes_is_made_harmless():
    """A NUL, or half a surrogate pair; all else stays as it is."""
    assert clean("caf\0e\ud83d") == "caf\ufffde?"
    assert clean("Inês, 東京") == "Inês, 東京"


def test_moments_come_back_as_they_were():
    """To the microsecond, in UTC, in an order that text has, too."""
    later = FRIDAY + timedelta(microseconds=1)

    assert moment_of(text_of(later)) == later
    assert text_of(FRIDAY) < text_of(later) < text_of(FRIDAY + HOUR)
    assert moment_of(None) is None
