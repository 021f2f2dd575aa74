"""Days, zones, business days and what we believe about arrival."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest

from streams.core.forecast import forecast, replacement_forecast, way_left
from streams.core.workdays import Calendars, weekends_only
from streams.core.zones import day_begins, day_ends, local_day, offset_at, zone_of, zone_or
from streams.policies.loader import load_policy
from tests import builders as b

POLICY = load_policy()
HOME, ABROAD = ("US", "US"), ("US", "DE")
WEEKENDS = Calendars(weekends_only)
NEW_YORK = timedelta(hours=-5)

# ---------------------------------------------------------------------------- zones


def test_zones_are_read_once():
    """The standard library remembers eight zones; an order for a ninth must not read its file again and again."""
    names = sorted(available_timezones())[:40]
    before = [zone_of(name) for name in names]

    assert all(zone_of(name) is known for name, known in zip(names, before, strict=True))


# ---------------------------------------------------------------------------- business days


@pytest.mark.parametrize(
    ("start", "workdays", "expected"),
    [
        ("2026-11-20", 0, "2026-11-20"),
        ("2026-11-20", 1, "2026-11-23"),
        ("2026-11-21", 1, "2026-11-23"),
        ("2026-11-23", 4, "2026-11-27"),
        ("2026-11-23", 5, "2026-11-30"),
    ],
)
def test_weekends_do_not_count(start, workdays, expected):
    """From Friday or Saturday the next business day is Monday."""
    assert WEEKENDS.day_after(date.fromisoformat(start), workdays, HOME) == date.fromisoformat(expected)


def test_a_holiday_at_either_end_closes_the_lane():
    """Thanksgiving is the shop's, German Unity Day the customer's: both count for a parcel between them."""
    days = POLICY.calendars

    assert days.day_after(date(2026, 11, 25), 1, HOME) == date(2026, 11, 27)
    assert days.day_after(date(2026, 11, 25), 1, ABROAD) == date(2026, 11, 27)
    assert not days.is_workday(date(2025, 10, 3), ABROAD)
    assert days.is_workday(date(2025, 10, 3), HOME)


def test_silence_keeps_its_time_of_day():
    """Three business days after a quarter past ten it is a quarter past ten."""
    start = datetime(2026, 11, 20, 15, 15, tzinfo=UTC)

    assert WEEKENDS.later(start, 3, HOME, NEW_YORK) == datetime(2026, 11, 25, 15, 15, tzinfo=UTC)


def test_the_customers_clock_says_which_day_it_is():
    """Three in the morning in Greenwich on Saturday is still Friday evening in New York."""
    start = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)  # Sunday evening in New York

    assert WEEKENDS.later(start, 1, HOME, NEW_YORK) - start == timedelta(days=1)
    assert WEEKENDS.later(start - timedelta(days=2), 1, HOME, NEW_YORK) == start + timedelta(days=1)
    assert WEEKENDS.later(start - timedelta(days=2), 1, HOME, timedelta(0)) == start


def test_a_calendar_that_never_opens_comes_to_an_end():
    """A broken calendar costs a year of looking, not a hanging process."""
    assert Calendars(lambda _country, _day: True).day_after(date(2026, 1, 1), 1, HOME) == date(2027, 1, 2)


# ---------------------------------------------------------------------------- days and zones


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("UTC", "2026-03-08", 24),
    ],
)
def test_a_day_is_as_long_as_the_clock_says(zone, day, length):
    """Clocks that change make days of 23 and 25 hours, and a promise holds to the end of either."""
    moment = date.fromisoformat(day)

    assert day_ends(moment, zone) - day_begins(moment, zone) == timedelta(hours=length)


def test_a_day_that_begins_at_one_begins_at_one():
    """In Cairo and Beirut clocks change at midnight: the day has no midnight."""
    day = date(2026, 3, 29)

    assert local_day(day_begins(day, "Asia/Beirut"), "Asia/Beirut") == day
    assert day_begins(day, "Asia/Beirut") == day_ends(day - timedelta(days=1), "Asia/Beirut")


@pytest.mark.parametrize(
    "name", [None, "", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "a\0b", "x" * 5000]
)
def test_a_zone_that_nobody_knows_is_the_shops(name):
    """A typo in a profile must not stop an apology."""
    assert zone_or(name, "America/New_York") == "America/New_York"


def test_a_zone_that_is_known_is_taken():
    """Also where it is half an hour off."""
    assert zone_or("Asia/Kolkata", "UTC") == "Asia/Kolkata"
    assert offset_at(b.FRIDAY, "Asia/Kolkata") == timedelta(hours=5, minutes=30)
    assert [offset_at(datetime(2026, m, 1, tzinfo=UTC), "Europe/Berlin") for m in (1, 7)] == [
        b.HOUR,
        2 * b.HOUR,
    ]


# ---------------------------------------------------------------------------- forecasts


def order(*more, **said):
    """Return an order of this Friday and what came after."""
    said.setdefault("promise", None)
    return b.fold(POLICY, b.event(b.placed(**said)), *more).order


def scan(status, **more):
    """Return a scan an hour after the order."""
    return b.event(b.scanned(status, **more), b.FRIDAY + b.HOUR)


def believed(one, now=b.FRIDAY + b.HOUR):
    """Return what we believe about arrival, as days after the Friday."""
    found = forecast(one, now, POLICY)
    return (found.from_ - b.FRIDAY.date()).days, (found.by - b.FRIDAY.date()).days


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("pre_transit", (5, 12)),  # Wednesday; the seventh business day, with Thanksgiving between
        ("in_transit", (3, 10)),
        ("out_for_delivery", (3, 5)),
        ("attempt_failed", (3, 5)),
    ],
)
def test_the_range_follows_how_far_the_parcel_has_come(status, expected):
    """In business days from today, both ends honest."""
    assert believed(order(scan(status))) == expected


def test_an_order_without_a_parcel_is_still_to_be_packed():
    """The widest range."""
    assert believed(order()) == (5, 12)


def test_the_last_parcel_decides():
    """One is at the door, the other has not left."""
    parcels = (
        b.event(b.labelled(shipment_id="P2", tracking_number="T2")),
        scan("out_for_delivery", shipment_id="P1", tracking_number="T1"),
    )

    assert believed(order(*parcels)) == (5, 12)


def test_a_carriers_later_date_moves_both_ends():
    """Its date is where the range begins, and a margin stands behind it."""
    assert believed(order(scan("in_transit", estimated_delivery="2026-12-01"))) == (11, 13)


def test_a_carriers_earlier_date_does_not_narrow_the_range():
    """It moves the beginning; the end stays ours."""
    assert believed(order(scan("in_transit", estimated_delivery="2026-11-24"))) == (4, 10)


def test_a_carriers_hopeful_date_moves_nothing():
    """Tomorrow, it says; we keep our range."""
    assert believed(order(scan("in_transit", estimated_delivery="2026-11-21"))) == (3, 10)


def test_a_border_costs_days_at_both_ends():
    """Customs."""
    abroad = order(scan("in_transit"), customer=b.customer(country="DE", time_zone="Europe/Berlin"))

    assert believed(abroad) == (5, 17)


def test_a_parcel_that_stalled_has_to_be_found_first():
    """Known to stall, the range is later; detectors look at the facts alone, so that they agree with themselves."""
    silent = order(b.event(b.labelled()), scan("in_transit"), b.silence(b.FRIDAY + 6 * b.DAY))
    now = b.FRIDAY + 6 * b.DAY
    told = forecast(silent, now, POLICY)
    workdays, named = way_left(silent, POLICY)

    assert b.open_exceptions(silent) == {("stalled_in_transit", b.PARCEL)}
    assert told.from_ > POLICY.calendars.day_after(now.date(), workdays, HOME) > named


@pytest.mark.parametrize(
    "more",
    [
        pytest.param((), id="no parcel"),
        pytest.param((scan("in_transit"),), id="on its way"),
        pytest.param((scan("out_for_delivery"),), id="almost there"),
        pytest.param((scan("in_transit", estimated_delivery="2026-11-28"),), id="named by the carrier"),
        pytest.param(
            (scan("in_transit"), scan("out_for_delivery", shipment_id="P-2", tracking_number="T2")),
            id="the slower of two",
        ),
        pytest.param((scan("delivered"), b.event(b.planned(fulfillment_id="F-9"))), id="a part of it"),
    ],
)
@pytest.mark.parametrize("country", ["US", "DE"])
def test_what_detectors_believe_is_where_the_forecast_begins(more, country):
    """Both from the same facts, as long as nothing is wrong."""
    one = order(*more, customer=b.customer(country=country))
    workdays, named = way_left(one, POLICY)
    today = local_day(b.FRIDAY, one.zone)
    soonest = max(POLICY.calendars.day_after(today, workdays, one.lane), named)

    assert soonest == forecast(one, b.FRIDAY, POLICY).from_


def test_a_replacement_leaves_by_the_fastest_service():
    """Two to five business days."""
    found = replacement_forecast(order(), b.FRIDAY, POLICY)

    assert (found.from_, found.by) == (date(2026, 11, 24), date(2026, 11, 30))
