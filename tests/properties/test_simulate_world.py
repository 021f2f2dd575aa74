"""Laws of the simulated world: what never happens to an ordinary order, and what each fault is made of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.events import INBOUND, Event, OrderPlaced
from streams.simulate.plan import NO_FAULTS, Noise, Plan, Rates
from streams.simulate.planted import OrderTruth
from streams.simulate.shop import simulate

SIX_HOURS, TWO_HOURS = timedelta(hours=6), timedelta(hours=2)
ROUGH = Noise(duplicate=0.1, delayed=0.3, early_scan=0.3, unknown_scan=0.1, stranger=0.05)
SCARRED = Rates(**dict.fromkeys(Rates.__struct_fields__, 0.08))
DECODERS = {fact.TYPE: msgspec.json.Decoder(fact) for fact in INBOUND}


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """A CloudEvent as the contract has it."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    data: msgspec.Raw


@dataclass
class Parcel:
    """What can be read about one shipment."""

    planned: dict[str, int] = field(default_factory=dict)
    packed: dict[str, int] = field(default_factory=dict)
    labeled_at: datetime | None = None
    carrier: str = ""
    scans: list[tuple[datetime, object]] = field(default_factory=list)

    def times(self, *statuses: str) -> list[datetime]:
        return [at for at, scan in self.scans if scan.status in statuses]

    def moves(self) -> list[datetime]:
        return [at for at, scan in self.scans if scan.status != "pre_transit"]


@dataclass
class Story:
    """What can be read about one order."""

    placed: OrderPlaced
    placed_at: datetime
    ship_by: str | None = None
    parcels: dict[str, Parcel] = field(default_factory=lambda: defaultdict(Parcel))
    returns: list[tuple[datetime, str]] = field(default_factory=list)
    canceled: bool = False

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.placed.customer.time_zone)

    @property
    def domestic(self) -> bool:
        return self.placed.customer.country == "US"

    @property
    def promise(self) -> date:
        return date.fromisoformat(self.placed.promise.by)

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def workdays(self, first: date, last: date) -> int:
        """Business days after ``first`` up to ``last`` on which both ends of the lane work."""
        return sum(
            is_open(first + timedelta(days=n), self.placed.customer.country)
            for n in range(1, (last - first).days + 1)
        )

    def longest_gap(self, days: list[date]) -> int:
        """The most weekdays between two scans, as one counts who knows no holidays.

        Neighboring business days are never apart: around Christmas 2027 four weekdays lie between them.
        """
        gaps = [weekdays(a, b) for a, b in pairwise(days) if self.workdays(a, b) > 1]
        return max(gaps, default=1)


@cache
def closed(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv="ENG" if country == "GB" else None)


@cache
def is_open(day: date, country: str) -> bool:
    return day.weekday() < 5 and day not in closed("US") and day not in closed(country)


def weekdays(first: date, last: date) -> int:
    return sum((first + timedelta(days=n)).weekday() < 5 for n in range(1, (last - first).days + 1))


@dataclass
class World:
    stories: dict[str, Story]
    truths: dict[str, OrderTruth]
    arrivals: list[tuple[datetime, Envelope, object]]
    strangers: int


def live(plan: Plan) -> World:
    """Read a whole world back from its bytes, as a stranger would."""
    truths: list[OrderTruth] = []
    arrivals = []
    for simulated in simulate(plan, truths.append):
        envelope = msgspec.json.decode(simulated.line, type=Envelope)
        arrivals.append((simulated.arrives_at, envelope, DECODERS[envelope.type].decode(envelope.data)))
    facts = {(e.source, e.id): (e, fact) for _, e, fact in arrivals}
    in_order = sorted(facts.values(), key=lambda pair: pair[0].time)
    stories = {f.order_id: Story(f, e.time, f.ship_by) for e, f in in_order if e.type == "order.placed.v1"}
    numbers, strangers = {}, 0
    for e, f in in_order:
        if e.type == "shipment.created.v1":
            parcel = stories[f.order_id].parcels[f.shipment_id]
            parcel.labeled_at, parcel.carrier = e.time, f.carrier
            numbers[f.tracking_number] = parcel
    for e, f in in_order:
        match e.type:
            case "payment.approved.v1":
                stories[f.order_id].ship_by = f.ship_by
            case "fulfillment.created.v1":
                stories[f.order_id].parcels[f.shipment_id].planned = {p.sku: p.quantity for p in f.lines}
            case "shipment.packed.v1":
                stories[f.order_id].parcels[f.shipment_id].packed = {p.sku: p.quantity for p in f.lines}
            case "order.canceled.v1":
                stories[f.order_id].canceled |= f.lines is None
            case "return.checkpoint.v1":
                stories[f.order_id].returns.append((e.time, f.status))
            case "checkpoint.reached.v1":
                if f.tracking_number in numbers:
                    numbers[f.tracking_number].scans.append((e.time, f))
                else:
                    strangers += 1
    return World(stories, {t.order_id: t for t in truths}, arrivals, strangers)


seeds = st.integers(0, 2**32)
starts = st.dates(date(2026, 1, 1), date(2027, 12, 31))
hundreds = settings(max_examples=12, deadline=None)


def assert_goes_well(story: Story) -> None:
    """An order about which nobody has a reason to write."""
    assert story.canceled or story.parcels
    if story.canceled:
        assert not story.parcels
        return
    for parcel in story.parcels.values():
        assert parcel.planned == parcel.packed
        moves = parcel.moves()
        assert moves[0].astimezone(ZoneInfo("America/New_York")).date() <= date.fromisoformat(story.ship_by)
        days = [story.day(at) for at in moves]
        assert story.longest_gap(days) <= (2 if story.domestic else 3)
        assert all(is_open(day, story.placed.customer.country) for day in days if day != days[0])
        assert is_open(days[0], "US")
        assert [scan.status for _, scan in parcel.scans if scan.status != "unknown"][-1] == "delivered"
        assert story.day(parcel.times("delivered")[0]) <= story.promise
        for _, scan in parcel.scans:
            assert scan.status in {"pre_transit", "in_transit", "out_for_delivery", "delivered", "unknown"}
            assert (
                scan.estimated_delivery is None
                or date.fromisoformat(scan.estimated_delivery) <= story.promise
            )


@hundreds
@given(seed=seeds, start=starts)
def test_an_ordinary_order_gives_nobody_a_reason_to_write(seed, start):
    """Unplanted orders leave in time, are scanned often enough and arrive on or before the promised day."""
    world = live(
        Plan(seed=seed, start=start, orders=60, faults=NO_FAULTS, canceled=0.1, changed=0.1, noise=ROUGH)
    )

    assert world.truths == {}
    assert len(world.stories) == 60
    for story in world.stories.values():
        assert_goes_well(story)


@hundreds
@given(seed=seeds, start=starts)
def test_arrival_is_untidy_within_bounds(seed, start):
    """Lines come in order of arrival; nothing arrives before it happened or six hours late, deliveries two."""
    world = live(Plan(seed=seed, start=start, orders=60, faults=SCARRED, noise=ROUGH))

    assert world.arrivals == sorted(world.arrivals, key=lambda entry: entry[0])
    first: dict[str, datetime] = {}
    for arrived, envelope, _ in world.arrivals:
        assert timedelta(0) < arrived - envelope.time < SIX_HOURS
        first.setdefault(envelope.id, arrived)
    for _, envelope, fact in world.arrivals:
        if envelope.type == "checkpoint.reached.v1" and fact.status == "delivered":
            assert first[envelope.id] - envelope.time < TWO_HOURS
    ids = [envelope.id for _, envelope, _ in world.arrivals]
    assert len(set(ids)) < len(ids)  # some came twice
    happened = [envelope.time for _, envelope, _ in world.arrivals]
    assert happened != sorted(happened)  # some overtook others


@hundreds
@given(seed=seeds, start=starts)
def test_what_is_packed_is_what_is_wanted_by_then(seed, start):
    """A change or cancellation is known before packing begins, and the boxes hold what is left of the order."""
    plan = Plan(seed=seed, start=start, orders=60, faults=NO_FAULTS, canceled=0.4, changed=0.6, noise=ROUGH)
    world = live(plan)
    wanted = {
        order_id: {line.sku: line.quantity for line in story.placed.lines}
        for order_id, story in world.stories.items()
    }
    known: dict[str, datetime] = {}
    seen = set()
    for arrived, envelope, fact in world.arrivals:
        if envelope.type not in {"order.changed.v1", "order.canceled.v1"} or envelope.id in seen:
            continue
        seen.add(envelope.id)
        known[fact.order_id] = arrived
        if envelope.type == "order.canceled.v1":
            gone = {line.sku for line in fact.lines} if fact.lines else wanted[fact.order_id].keys()
            wanted[fact.order_id] = {k: v for k, v in wanted[fact.order_id].items() if k not in gone}
        elif fact.lines is not None:
            wanted[fact.order_id] = {line.sku: line.quantity for line in fact.lines}
    assert len(known) == 60
    packing: dict[str, datetime] = {}
    for _, envelope, fact in world.arrivals:
        if envelope.type == "fulfillment.created.v1":
            packing[fact.order_id] = min(envelope.time, packing.get(fact.order_id, envelope.time))
    for order_id, story in world.stories.items():
        boxes = [parcel.packed for parcel in story.parcels.values()]
        assert {sku: many for box in boxes for sku, many in box.items()} == wanted[order_id]
        assert order_id not in packing or known[order_id] < packing[order_id]


@hundreds
@given(seed=seeds)
def test_scans_overtake_the_word_about_their_number_and_strangers_pass_by(seed):
    """A carrier may know a number before we do, and some numbers nobody ever claims."""
    world = live(Plan(seed=seed, orders=120, noise=ROUGH))
    named, early = set(), 0
    for _, envelope, fact in world.arrivals:
        if envelope.type == "shipment.created.v1":
            named.add(fact.tracking_number)
        elif envelope.type == "checkpoint.reached.v1" and fact.tracking_number not in named:
            early += 1
            assert fact.order_id is None

    assert early > world.strangers >= 0  # of a hundred orders' worth of scans, sometimes none is a stranger's


def test_strangers_do_pass_by():
    """In ten small worlds together there are some."""
    assert sum(live(Plan(seed=seed, orders=120, noise=ROUGH)).strangers for seed in range(10)) > 10


@hundreds
@given(seed=seeds, start=starts)
def test_everything_fits_the_spine(seed, start):
    """Every fact stands in an Event of the core, under the subject that the contract names."""
    world = live(Plan(seed=seed, start=start, orders=40, faults=SCARRED))
    for arrived, envelope, fact in world.arrivals:
        subject = fact.tracking_number if envelope.type == "checkpoint.reached.v1" else fact.order_id
        assert (envelope.specversion, envelope.datacontenttype) == ("1.0", "application/json")
        assert envelope.subject == subject
        event = Event(
            id=envelope.id,
            source=envelope.source,
            order_id=subject,
            occurred_at=envelope.time,
            recorded_at=arrived,
            fact=fact,
        )
        assert event.occurred_at.tzinfo is not None


@hundreds
@given(seed=seeds, start=starts)
def test_replacements_go_well_and_follow_the_fault(seed, start):
    """What is owed is sent express within six business hours of being visible, and arrives in three days."""
    world = live(Plan(seed=seed, start=start, orders=60, faults=SCARRED))
    for truth in world.truths.values():
        assert truth.replacement == (truth.replacement_order_id is not None)
        if truth.replacement_order_id is None:
            continue
        story = world.stories[truth.replacement_order_id]
        assert_goes_well(story)
        assert story.placed.replaces == truth.order_id
        assert story.placed_at - truth.visible_at >= timedelta(hours=1)
        delivered = max(p.times("delivered")[0] for p in story.parcels.values())
        assert truth.replacement_delivered_at == delivered
        assert 2 <= story.workdays(story.day(story.placed_at), story.day(delivered)) <= 3
        lacking = {line.sku: line.quantity for line in story.placed.lines}
        original = world.stories[truth.order_id]
        assert all(
            lacking[sku] <= sum(p.planned.get(sku, 0) for p in original.parcels.values()) for sku in lacking
        )


def check_late(story: Story, truth: OrderTruth) -> None:
    [late] = [p for p in story.parcels.values() if story.day(p.times("delivered")[0]) > story.promise]
    days = [story.day(at) for at in late.moves()]
    assert 2 <= (days[-1] - story.promise).days <= 6
    assert story.longest_gap(days) <= (2 if story.domestic else 3)
    before = [s for at, s in late.scans if story.day(at) <= story.promise]
    assert all(
        s.estimated_delivery is None or date.fromisoformat(s.estimated_delivery) <= story.promise
        for s in before
    )
    assert truth.visible_at == datetime.combine(
        story.promise + timedelta(days=1), datetime.min.time(), story.zone
    )


def check_at_risk(story: Story, truth: OrderTruth) -> None:
    moved = [
        at
        for parcel in story.parcels.values()
        for at, scan in parcel.scans
        if scan.status == "in_transit"
        and scan.estimated_delivery
        and date.fromisoformat(scan.estimated_delivery) > story.promise
    ]
    assert timedelta(0) < truth.visible_at - moved[0] < TWO_HOURS
    assert (story.promise - story.day(moved[0])).days >= 2
    assert story.day(truth.delivered_at) >= story.promise or len(story.parcels) > 1
    assert (story.day(truth.delivered_at) > story.promise) == ("late_delivery" in truth.may_tell)


def silence(story: Story, truth: OrderTruth) -> int:
    """Business days of the longest gap in the movement of any parcel."""
    return max(
        story.workdays(story.day(a), story.day(b))
        for parcel in story.parcels.values()
        for a, b in pairwise(parcel.moves())
    )


def check_stalled(story: Story, truth: OrderTruth) -> None:
    least, lost = (5, 7) if story.domestic else (8, 20)
    assert least <= silence(story, truth) < lost
    assert truth.delivered_at is not None
    late = story.day(truth.delivered_at) > story.promise
    assert not late or "late_delivery" in truth.may_tell
    assert story.day(truth.visible_at) <= story.promise  # seen before the promise breaks


def check_gone(story: Story, truth: OrderTruth) -> None:
    assert truth.delivered_at is None
    assert any(not p.times("delivered") for p in story.parcels.values())
    [kind] = truth.planted
    words = [(at, s) for p in story.parcels.values() for at, s in p.scans if s.reason == kind]
    if words:
        [(at, scan)] = words
        assert scan.status == "exception"
        assert timedelta(0) < truth.visible_at - at < TWO_HOURS
    else:
        assert kind == "lost"
        last = next(p.moves()[-1] for p in story.parcels.values() if not p.times("delivered"))
        quiet = story.workdays(story.day(last), story.day(truth.visible_at))
        assert quiet == (7 if story.domestic else 20)


def check_failed(story: Story, truth: OrderTruth) -> None:
    [parcel] = [p for p in story.parcels.values() if p.times("attempt_failed")]
    [failed] = parcel.times("attempt_failed")
    [delivered] = parcel.times("delivered")
    assert story.workdays(story.day(failed), story.day(delivered)) == 1
    assert timedelta(0) < truth.visible_at - failed < TWO_HOURS
    assert story.day(failed) <= story.promise


def check_returned(story: Story, truth: OrderTruth) -> None:
    [parcel] = [p for p in story.parcels.values() if p.times("return_to_sender")]
    [back] = [s for _, s in parcel.scans if s.status == "delivered"]
    assert parcel.times("delivered")[0] > parcel.times("return_to_sender")[0]
    assert back.location == "Hudson, NY, US"
    assert truth.delivered_at is None


def check_forgotten(story: Story, truth: OrderTruth) -> None:
    shop = ZoneInfo("America/New_York")
    moves = [(p, p.moves()) for p in story.parcels.values()]
    [(parcel, forgotten)] = [
        (p, m) for p, m in moves if not m or m[0].astimezone(shop).date() > date.fromisoformat(story.ship_by)
    ]
    if forgotten:
        assert story.workdays(story.day(parcel.labeled_at), story.day(forgotten[0])) >= 6
        assert truth.visible_at < forgotten[0]
    else:
        assert truth.delivered_at is None
    assert story.day(truth.visible_at) < story.promise


def differences(story: Story) -> tuple[dict[str, int], dict[str, int]]:
    missing, extra = defaultdict(int), defaultdict(int)
    for parcel in story.parcels.values():
        assert all(parcel.packed.values())
        for sku in parcel.planned.keys() | parcel.packed.keys():
            delta = parcel.packed.get(sku, 0) - parcel.planned.get(sku, 0)
            (extra if delta > 0 else missing)[sku] += abs(delta)
    return {k: v for k, v in missing.items() if v}, {k: v for k, v in extra.items() if v}


def check_wrong(story: Story, truth: OrderTruth) -> None:
    missing, extra = differences(story)
    assert len(missing) == len(extra) == 1
    assert not extra.keys() & {line.sku for line in story.placed.lines}
    assert truth.delivered_at is not None
    assert truth.label
    assert truth.follow_up == (story.returns == [])
    if story.returns:
        [(dropped, first), (_, last)] = story.returns
        assert (first, last) == ("in_transit", "delivered")
        assert 1 <= (story.day(dropped) - story.day(truth.replacement_delivered_at)).days <= 3


def check_short(story: Story, truth: OrderTruth) -> None:
    missing, extra = differences(story)
    assert (len(missing), extra) == (1, {})
    assert all(parcel.packed for parcel in story.parcels.values())


def check_over(story: Story, truth: OrderTruth) -> None:
    missing, extra = differences(story)
    assert (missing, sum(extra.values())) == ({}, 1)
    assert not truth.replacement


CHECKS = {
    "late_delivery": check_late,
    "at_risk": check_at_risk,
    "stalled_in_transit": check_stalled,
    "lost": check_gone,
    "damaged": check_gone,
    "delivery_failed": check_failed,
    "return_to_sender": check_returned,
    "never_handed_over": check_forgotten,
    "wrong_item": check_wrong,
    "short_shipment": check_short,
    "over_shipment": check_over,
}
CONTENTS = {"wrong_item", "short_shipment", "over_shipment"}
REPLACED = {"wrong_item", "short_shipment", "lost", "damaged", "return_to_sender"}


@pytest.mark.parametrize("kind", CHECKS)
@settings(max_examples=6, deadline=None)
@given(seed=seeds, start=starts)
def test_a_fault_is_what_its_name_says(kind, seed, start):
    """Each planted order shows its fault in the bytes, and the truth beside it agrees."""
    rates = msgspec.structs.replace(NO_FAULTS, **{kind: 0.8})
    plan = Plan(seed=seed, start=start, orders=30, days=3, faults=rates, noise=ROUGH)
    world = live(plan)

    assert len(world.truths) == 24
    for order_id, truth in world.truths.items():
        story = world.stories[order_id]
        assert (truth.planted, truth.must_tell, truth.promised) == ((kind,), (kind,), story.placed.promise.by)
        assert truth.replacement == (kind in REPLACED)
        delivered = [p.times("delivered") for p in story.parcels.values()]
        if truth.delivered_at is not None:
            assert truth.delivered_at == max(at for [at] in delivered)
        if kind not in CONTENTS:
            assert differences(story) == ({}, {})
        assert story.placed_at < truth.visible_at < plan.until - timedelta(days=5)
        CHECKS[kind](story, truth)
    for order_id, story in world.stories.items():
        if order_id not in world.truths:
            assert_goes_well(story)
    assert max(envelope.time for _, envelope, _ in world.arrivals) < plan.until.astimezone(UTC)
