"""What a backtest counts: small histories whose figures can be told by hand."""

from datetime import timedelta

import pytest

from streams.core import events as facts
from streams.ops.backtest.figures import spread_of
from streams.ops.backtest.purse import Grant, pay, read_purse
from streams.problems import InputProblem, UsageProblem
from tests import builders as b
from tests.backtest_rig import STANDARD, Written, judged, policy, written

TOLD_AT = b.FRIDAY + timedelta(days=4, hours=23, minutes=45)  # Wed 2026-11-25 15:00 UTC, 10 h after the day
BROKEN_AT = TOLD_AT - 10 * b.HOUR  # the end of Tuesday 2026-11-24 in New York


def parcel(order_id, *scans, promise="2026-11-24", **more):
    """An order on its way, with the scans of its one parcel: (status, when)."""
    names = {"order_id": order_id, "shipment_id": f"{order_id}-BOX", "tracking_number": f"1Z{order_id}"}
    return [
        b.event(b.placed(order_id, promise=promise, **more), identity=f"{order_id}-placed"),
        b.event(b.labelled(**names), b.FRIDAY + b.HOUR, identity=f"{order_id}-label"),
        *(
            b.event(b.scanned(status, **names), at, identity=f"{order_id}-{status}-{at}")
            for status, at in scans
        ),
    ]


def beacon(at):
    """An order that is well, and by which the history reaches this moment."""
    return b.event(b.placed("BEACON", promise=None), at, identity=f"beacon-{at}")


def only(found):
    """The first policy's column."""
    return found.policies[0]


LATE = parcel(
    "LATE", ("in_transit", b.FRIDAY + 2 * b.HOUR), ("delivered", TOLD_AT + timedelta(days=1, hours=2))
)


def test_a_late_parcel_is_told_ten_hours_after_its_promise():
    """One late order, told after the promise broke and 26 hours before the parcel came, and it was true."""
    late, vain = only(judged(written(*LATE))).late, only(judged(written(*LATE))).false_alarms

    assert (
        late.orders,
        late.heard_in_time,
        late.heard_late,
        late.unheard,
        late.heard_before_arrival,
    ) == (1, 0, 1, 0, 1)
    assert (late.hours_before_break.median, late.hours_before_arrival.median) == (-10.0, 26.0)
    assert (vain.orders, vain.judged) == (0, 1)


def test_a_late_parcel_that_comes_before_its_mail_is_never_told():
    """Ten hours of patience, and the parcel came within them: nobody heard, and nobody had to be told."""
    scans = (("in_transit", b.FRIDAY + 2 * b.HOUR), ("delivered", BROKEN_AT + b.HOUR))
    found = only(judged(written(*parcel("QUICK", *scans))))

    assert (found.late.orders, found.late.unheard, found.mails.count) == (1, 1, 0)


def test_a_parcel_of_the_promised_day_is_not_late():
    """A second before the customer's midnight is in time, the midnight itself is not."""
    for at, late in ((BROKEN_AT - timedelta(seconds=1), 0), (BROKEN_AT, 1)):
        found = only(judged(written(*parcel("EDGE", ("in_transit", b.FRIDAY), ("delivered", at)))))

        assert late == found.late.orders


def test_told_at_risk_and_then_on_time_is_a_false_alarm():
    """Not with a carrier when the promised day begins, and there in the evening all the same."""
    events = parcel("RISKY", ("delivered", BROKEN_AT - b.HOUR))
    found = only(judged(written(*events)))

    assert found.told.by_kind == {"at_risk": 1}
    assert (found.false_alarms.orders, found.false_alarms.judged, found.false_alarms.share) == (1, 1, 1.0)
    assert found.false_alarms.by_kind == {"at_risk": 1}
    assert found.late.orders == 0


def test_without_a_promise_a_trouble_that_passes_before_the_parcel_comes_is_a_false_alarm():
    """Silent for three business days and told, then scanned again, then there."""
    silence = b.FRIDAY + timedelta(days=11)
    scans = (("in_transit", b.FRIDAY), ("in_transit", silence), ("delivered", silence + b.DAY))
    found = only(judged(written(*parcel("STALLED", *scans, promise=None))))

    assert found.false_alarms.by_kind == {"stalled_in_transit": 1}
    assert (found.false_alarms.orders, found.false_alarms.judged) == (1, 1)


def test_what_nobody_can_know_yet_is_open():
    """Told of an order without a promise that has not come: neither true nor false."""
    found = only(
        judged(written(*parcel("OPEN", ("in_transit", b.FRIDAY), promise=None), beacon(b.FRIDAY + 8 * b.DAY)))
    )

    assert (found.told.orders, found.false_alarms.judged, found.false_alarms.open) == (1, 0, 1)


def test_an_order_called_off_after_its_mail_proves_nothing():
    """It was late and told; that the customer called it off later says nothing about the word."""
    canceled = b.event(facts.OrderCanceled(order_id="LATE"), TOLD_AT + b.HOUR, identity="LATE-off")
    found = only(judged(written(*LATE[:-1], canceled)))

    assert (found.told.orders, found.false_alarms.judged, found.false_alarms.open) == (1, 0, 1)


def test_a_station_that_corrects_its_scan_after_the_mail_is_a_false_alarm():
    """Told of the wrong article, paid for a label and a replacement, and the box was right."""
    events = [
        b.event(b.placed(), identity="placed"),
        b.event(b.planned(), b.FRIDAY + b.HOUR, identity="planned"),
        b.event(b.packed({"MARKERS-RED": 1}), b.FRIDAY + 2 * b.HOUR, identity="packed"),
        b.event(b.packed({"MARKERS-BLUE": 1}), b.FRIDAY + 4 * b.HOUR, identity="packed again"),
    ]
    found = only(judged(written(*events)))

    assert found.false_alarms.by_kind == {"wrong_item": 1}
    assert (
        found.cost["USD"].by_remedy["return_label"].minor,
        found.cost["USD"].by_remedy["expedited_replacement"].minor,
    ) == (650, 1800 + 1200)
    assert (found.cost["USD"].dearest_order, found.cost["USD"].limit) == (650 + 1800 + 1200, 15000)


def test_silence_behind_the_last_event_is_counted_apart():
    """What would be told if nothing more came is in none of the figures, and is not hidden either."""
    found = only(judged(written(*LATE[:-1])))

    assert (found.told.orders, found.mails.count, found.late.orders) == (0, 0, 0)
    assert found.cost == {}
    assert found.behind.orders == 1
    assert found.behind.mails >= 1


def test_until_ends_the_silence():
    """An hour after the last event nothing has become due."""
    found = only(judged(written(*LATE[:-1]), until=b.FRIDAY + 3 * b.HOUR))

    assert found.behind.orders == 0


def test_until_cuts_the_history_short():
    """What was recorded later has not happened yet."""
    found = judged(written(*LATE), until=TOLD_AT)

    assert found.last == TOLD_AT
    assert (only(found).told.orders, only(found).late.orders) == (1, 1)
    assert only(found).late.hours_before_arrival.count == 0


def test_until_before_the_beginning_leaves_nothing():
    """A year in the past: no history, and said so."""
    with pytest.raises(InputProblem) as refused:
        judged(written(*LATE), until=b.FRIDAY - timedelta(days=365))

    assert refused.value.code == "history-empty"


def test_mails_are_counted_by_order_and_by_customer():
    """Two late orders of one customer: two mails, one customer."""
    found = only(judged(written(*LATE, *parcel("ALSO-LATE", *_scans_of(LATE)))))

    assert (
        found.mails.count,
        found.told.orders,
        found.mails.customers,
        found.mails.most_to_one_customer,
    ) == (2, 2, 1, 2)
    assert found.mails.orders_by_mails == {"1": 2}


def _scans_of(events):
    return [
        (one.fact.status, one.occurred_at) for one in events if isinstance(one.fact, facts.CheckpointReached)
    ]


def test_a_change_is_told_order_by_order():
    """Nine hours less of patience: the same order, the same words, nine hours earlier."""
    soon = policy(respond__late_delivery__tell_after="1h", quiet__start="00:00", quiet__end="00:00")
    late = policy(quiet__start="00:00", quiet__end="00:00")
    found = judged(written(*LATE), late, soon).policies[1]

    assert found.changed.by_sort == {"earlier": 1}
    assert [(one.path, one.first, one.here) for one in found.differs] == [
        ("respond.late_delivery.tell_after", "10h", "1h")
    ]


@pytest.mark.parametrize(
    ("overrides", "sort"),
    [
        (
            {"respond__late_delivery__message": "none", "respond__stalled_in_transit__message": "none"},
            "untold",
        ),
        ({"respond__late_delivery__tell_after": "15h"}, "later"),
        ({"respond__late_delivery__message": "at_risk"}, "words"),
        ({"respond__late_delivery__major__remedies": '["apology"]'}, "words"),
    ],
)
def test_every_sort_of_change_has_its_name(overrides, sort):
    """No longer told, told later, in other words: and a refund that is missing changes the words."""
    assert {sort: 1} == judged(written(*LATE), STANDARD, policy(**overrides)).policies[1].changed.by_sort


def test_an_order_that_only_costs_something_else_is_a_change_of_money():
    """The same mails, and a label that costs twice as much."""
    events = [
        b.event(b.placed(), identity="placed"),
        b.event(b.planned(), b.FRIDAY + b.HOUR, identity="planned"),
        b.event(b.packed({"MARKERS-RED": 1}), b.FRIDAY + 2 * b.HOUR, identity="packed"),
        beacon(b.FRIDAY + b.DAY),
    ]
    dear = policy(remedy__return_label__cost_of__USD="1100")

    assert judged(written(*events), STANDARD, dear).policies[1].changed.by_sort == {"money": 1}


def test_nobody_has_an_address_so_everybody_gets_one():
    """An export without addresses would hold every mail; one address in it, and absence means absence again."""
    nameless = parcel("LATE", *_scans_of(LATE), customer=b.customer(email=None))
    alone, beside = judged(written(*nameless)), judged(written(*nameless, beacon(b.FRIDAY)))

    assert (alone.imagined_addresses, only(alone).mails.count) == (True, 1)
    assert (beside.imagined_addresses, only(beside).mails.count) == (False, 0)


def test_an_empty_history_is_refused():
    """Nothing to measure is a mistake, not a result."""
    with pytest.raises(InputProblem) as refused:
        judged(Written({0: []}))

    assert refused.value.code == "history-empty"


def test_what_nobody_can_read_is_counted_and_stops_nothing():
    """A fact of a shape that no version had: one failure, under every policy, and the late order is found."""
    from streams.codec.blocks import Entry, encode_block
    from streams.ops.history import Batch

    history = written(*LATE)
    alien = Entry("ALIEN", "x-1", "shop/eu", "order.placed.v1", b.FRIDAY, b.FRIDAY, b'{"order_id": 7}')
    history.batches_of[0].insert(0, Batch(0, 0, encode_block([alien])))
    found = judged(history, STANDARD, policy(notify__window="2d"))

    assert [one.failed for one in found.policies] == [1, 1]
    assert [one.late.orders for one in found.policies] == [1, 1]


# ---------------------------------------------------------------------------- sums


def grant(minor, hour, identity="dec_1", currency="USD"):
    return Grant(b.FRIDAY + hour * b.HOUR, identity, "ORDER", "goodwill_credit", currency, minor)


def test_a_purse_pays_in_recorded_order():
    """Each grant whole or not at all; a smaller one that comes later may still fit."""
    grants = [grant(50, 3), grant(70, 2), grant(400, 1)]
    paid = pay({"USD": 460}, grants)["USD"]

    assert (
        paid.granted,
        paid.refused,
        paid.refused_minor,
        paid.first_refused_at,
    ) == (450, 1, 70, b.FRIDAY + 2 * b.HOUR)
    assert pay({"USD": 460}, reversed(grants)) == {"USD": paid}


def test_at_one_moment_the_decisions_own_ids_give_the_order():
    """Two processes fold two orders at one moment: the purse pays the same one, whoever was first."""
    one, other = grant(100, 1, "dec_b"), grant(60, 1, "dec_a")

    assert pay({"USD": 100}, [one, other]) == pay({"USD": 100}, [other, one])
    assert pay({"USD": 100}, [one, other])["USD"].granted == 60


def test_a_currency_without_a_sum_is_not_limited():
    """A purse of dollars says nothing about reais."""
    assert pay({"USD": 1}, [grant(500, 1, currency="BRL")])["USD"].refused == 0


@pytest.mark.parametrize("text", ["USD", "USD=", "USD=-1", "USD=1.50", "usd=1", "DOLLAR=1", "USD=\u0661"])
def test_a_sum_that_is_none_is_refused(text):
    """Minor units, whole and not negative."""
    with pytest.raises(UsageProblem) as refused:
        read_purse([text])

    assert refused.value.code == "purse-unclear"


def test_one_sum_for_a_currency():
    """Two would be added or replaced, and nobody could tell."""
    assert read_purse(["USD=500", "BRL=0"]) == {"USD": 500, "BRL": 0}
    with pytest.raises(UsageProblem):
        read_purse(["USD=500", "USD=700"])


def test_tenths_lie_between_their_neighbors_in_proportion():
    """As spreadsheets do it; of nothing there is no median."""
    found = spread_of([0, 3600, 7200, 10800, 36000])

    assert (found.count, found.p10, found.median, found.p90) == (5, 0.4, 2.0, 7.2)
    assert (spread_of([]).count, spread_of([]).median) == (0, None)
