"""The simulated shop: one seed, one world; what it writes; what it refuses."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import UTC, date, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import msgspec
import pytest

from streams.core.events import Kind
from streams.problems import UsageProblem, WorldProblem
from streams.simulate.days import day_of, weekdays_between, workdays, zone
from streams.simulate.faults import FAULTS
from streams.simulate.plan import NO_FAULTS, QUIET, Plan
from streams.simulate.score import read_truth
from streams.simulate.shop import simulate, write


def test_the_same_seed_is_the_same_world():
    """Byte for byte and second for second."""
    plan = Plan(seed=11, orders=80)

    assert list(simulate(plan)) == list(simulate(plan))


def test_another_seed_is_another_world():
    """No event of one world has the identity of one in another: identities carry the seed."""
    one, other = (
        {msgspec.json.decode(s.line)["id"] for s in simulate(Plan(seed=seed, orders=80))} for seed in (11, 12)
    )

    assert one & other == set()


def test_the_witness_changes_nothing():
    """Whether somebody asks for the truth makes no difference to the stream."""
    plan = Plan(orders=80)

    assert list(simulate(plan, [].append)) == list(simulate(plan))


def test_the_demo_week_shows_every_fault_we_know():
    """600 orders, about 7 % planted, every kind at least twice, over before history ends."""
    truths = []
    lines = list(simulate(Plan(), truths.append))
    counts = Counter(kind for truth in truths for kind in truth.planted)

    assert set(counts) == set(FAULTS) == set(Kind.__args__) - {"swapped_labels"}
    assert min(counts.values()) >= 2
    assert 40 <= len(truths) <= 44
    assert {truth.follow_up for truth in truths if truth.label} == {True, False}
    assert lines[-1].arrives_at < Plan().until
    assert Plan().until == datetime(2027, 1, 22, tzinfo=ZoneInfo("America/New_York"))


def test_shares_hold_however_many_orders_there_are():
    """Dealt by the hand, not by the order: 1,300 orders at 10 % have 130 late ones, give or take a hand's rest."""
    rates = msgspec.structs.replace(NO_FAULTS, late_delivery=0.1)
    truths = []
    for _ in simulate(Plan(orders=1_300, faults=rates), truths.append):
        pass

    assert len(truths) == 130


def test_what_is_written_is_what_is_simulated(tmp_path):
    """The events in order of arrival, one a line; the truth beside them with seed and plan."""
    plan = Plan(seed=3, orders=60)
    written = write(plan, tmp_path / "new" / "world")
    truths = []

    assert written.events.read_bytes().splitlines() == [s.line for s in simulate(plan, truths.append)]
    assert written.lines == len(written.events.read_bytes().splitlines())
    truth = read_truth(written.truth)
    assert truth.orders == tuple(truths)
    assert (truth.seed, truth.events, truth.until) == (3, written.lines, plan.until)
    assert msgspec.convert(truth.plan, Plan) == plan
    assert sum(written.planted.values()) == len(truths)


def test_a_directory_that_cannot_be_written_is_a_problem(tmp_path):
    """A file in the way is named."""
    (tmp_path / "world").write_text("in the way")

    with pytest.raises(WorldProblem) as caught:
        write(Plan(orders=1), tmp_path / "world")

    assert (caught.value.code, caught.value.where) == ("simulate-cannot-write", str(tmp_path / "world"))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"days": 0}, "simulate-size"),
        ({"orders": -1}, "simulate-size"),
        ({"customers": -3}, "simulate-size"),
        ({"canceled": 0.97}, "simulate-rates"),
        ({"home": "AQ"}, "simulate-home"),
    ],
)
def test_an_impossible_plan_is_refused(wrong, code):
    """With a code and a hint, before anything is written."""
    with pytest.raises(UsageProblem) as caught:
        Plan(**wrong)

    assert caught.value.code == code
    assert caught.value.hint


def test_no_orders_make_no_lines():
    """An empty shop is a shop."""
    assert list(simulate(Plan(orders=0))) == []


def test_worlds_can_be_laid_side_by_side():
    """Other order numbers, other identities: two generators may feed one topic."""
    first = {s.line for s in simulate(Plan(orders=50))}
    second = [msgspec.json.decode(s.line) for s in simulate(Plan(orders=50, first_order=5_001))]

    ids = {msgspec.json.decode(line)["id"] for line in first}
    assert not ids & {event["id"] for event in second}
    assert {e["data"]["order_id"][:5] for e in second if "order_id" in e["data"]} == {"ORD-5"}


@pytest.mark.parametrize("home", ["US", "BR", "DE", "GB"])
def test_a_shop_may_be_at_home_elsewhere(home):
    """It then ships from there, in its currency, to its neighbors and abroad."""
    events = [msgspec.json.decode(s.line) for s in simulate(Plan(home=home, orders=80, noise=QUIET))]
    placed = [e["data"] for e in events if e["type"] == "order.placed.v1"]
    countries = Counter(data["customer"]["country"] for data in placed)

    assert countries.most_common(1)[0][0] == home
    assert len(countries) > 1
    assert {data["shipping"]["paid"]["currency"] for data in placed} == {
        {"US": "USD", "BR": "BRL", "DE": "EUR", "GB": "GBP"}[home]
    }


def test_customers_are_invented_and_reach_nobody():
    """Names of several scripts, consistent addresses, mailboxes in the reserved domains (RFC 2606)."""
    events = [msgspec.json.decode(s.line) for s in simulate(Plan(orders=300, noise=QUIET))]
    customers = [e["data"]["customer"] for e in events if e["type"] == "order.placed.v1"]

    assert {c["email"].rpartition("@")[2] for c in customers} == {"example.com", "example.org", "example.net"}
    assert all(c["email"].isascii() and c["email"][0].isalpha() for c in customers)
    assert any(not c["name"].isascii() for c in customers)
    assert {c["locale"] for c in customers} == {"en-US", "en-GB", "pt-BR", "de-DE"}
    zones = {"US": "America/", "BR": "America/", "DE": "Europe/Berlin", "GB": "Europe/London"}
    assert all(c["time_zone"].startswith(zones[c["country"]]) for c in customers)
    assert len({c["customer_id"] for c in customers}) == len({c["email"] for c in customers})


def test_what_is_on_its_way_is_all_that_is_held():
    """Five times the days at the same rate need hardly more memory."""

    def peak(days):
        plan = Plan(orders=8 * days, days=days, customers=50)
        next(islice(simulate(plan), 1))  # calendars and catalogues are read once
        tracemalloc.start()
        for _ in simulate(plan):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(200)  # fills the caches of days
    assert peak(200) < 1.5 * peak(40)


def test_midnight_is_exact_on_the_night_the_clocks_change():
    """A promise ends with the customer's day, even on 2026-11-01 in New York."""
    new_york = zone("America/New_York")
    for day in (date(2026, 3, 8), date(2026, 3, 9), date(2026, 11, 1), date(2026, 11, 2)):
        expected = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("America/New_York"))

        assert datetime.fromtimestamp(new_york.midnight(day_of(day)), UTC) == expected
        assert new_york.day(int(expected.timestamp())) == day_of(day)
        noon = expected.replace(hour=12)
        assert datetime.fromtimestamp(new_york.at(day_of(day), 12 * 3600), UTC) == noon


def test_business_days_close_when_either_end_of_the_lane_does():
    """From Wednesday 2026-11-18: Brazil rests on Friday 20, the United States on Thursday 26."""
    wednesday = day_of(date(2026, 11, 18))
    both, shop = workdays("US", "BR"), workdays("US")

    assert both.add(wednesday, 2) == day_of(date(2026, 11, 23))
    assert shop.add(wednesday, 2) == day_of(date(2026, 11, 20))
    assert shop.add(day_of(date(2026, 11, 25)), 1) == day_of(date(2026, 11, 27))
    assert both.add(wednesday, 5) == day_of(date(2026, 11, 27))
    assert weekdays_between(wednesday, day_of(date(2026, 11, 27))) == 7
    assert both.first(day_of(date(2026, 11, 21))) == day_of(date(2026, 11, 23))
