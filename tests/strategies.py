"""Draws histories: orders with their parcels, everything that goes wrong with them, and the way we hear of it."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import msgspec
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from streams.core import events as facts
from streams.core.events import AnyFact, Event
from tests import builders as b

EXAMPLES = int(os.environ.get("FIRSTWORD_LAW_EXAMPLES", "0"))
"""Set it to search longer than a build does, and in another place at every run."""

LAW = settings(
    max_examples=EXAMPLES or 200,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

SKUS = ("MARKERS-BLUE", "MARKERS-RED", "SKETCHBOOK", "PLUSH-LAMP")
MISTAKES = ("none", "none", "swap", "short", "over", "corrected", "moved")
STATUSES = (
    *("in_transit",) * 6,
    *("out_for_delivery",) * 3,
    *("delivered",) * 4,
    "pre_transit",
    "attempt_failed",
    "attempt_failed",
    "available_for_pickup",
    "exception",
    "return_to_sender",
    "expired",
    "unknown",
)
REASONS = (*(None,) * 12, "lost", "damaged", "refused", "weather")
GAPS = (1, 3, 8, 20, 30, 60, 110, 260)  # hours between two scans: from the same day to a parcel given up
LAGS = (*(0,) * 8, 1, 90, 600, 1500)  # minutes until we hear of something
EXTRAS = (
    "changed",
    "canceled",
    "canceled_part",
    "revised",
    "revised_untold",
    "reported",
    "reported",
    "choice",
    "return_seen",
    "approved",
    "replaced_by_staff",
    "planned_again",
)

_small = {n: st.integers(0, n - 1) for n in range(1, 40)}
_yes = st.booleans()


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Events in the order of their arrival, how far time runs on, and the moods of the world."""

    events: tuple[Event, ...]
    until: datetime
    whims: tuple[int, ...]

    def __repr__(self) -> str:
        """Return the history as a person reads it: one line per event."""
        return "\n".join((f"History until {self.until}, whims {self.whims}:", *map(as_line, self.events)))


def as_line(event: Event) -> str:
    """Return when we heard of an event, when it happened, and what it says; fields at their default left out."""
    said = msgspec.json.encode(event.fact).decode()
    late = "" if event.occurred_at == event.recorded_at else f" (of {event.occurred_at:%d %H:%M})"
    return f"  {event.recorded_at:%d %H:%M}{late} {event.id} {event.fact.TYPE} {said}"


class _Pen:
    """Writes one order's events; every draw is a small number, so that examples shrink well."""

    def __init__(self, draw, order_id: str) -> None:
        self.draw = draw
        self.order_id = order_id
        self.events: list[Event] = []

    def pick(self, options):
        return options[self.draw(_small[len(options)])]

    def write(self, fact: AnyFact, at: datetime) -> None:
        lag = timedelta(minutes=self.pick(LAGS))
        # The scans of a carrier are no source of ours: two sources may use the same id.
        source = "carrier" if isinstance(fact, facts.CheckpointReached) else "shop/eu"
        identity = f"{self.order_id}-{len(self.events)}"
        self.events.append(b.event(fact, at, identity=identity, source=source, recorded_at=at + lag))


def _order(draw, order_id: str, start: datetime, replaces: str | None) -> list[Event]:
    pen = _Pen(draw, order_id)
    bought = {sku: 1 + draw(_small[3]) for sku in SKUS[: 1 + draw(_small[3])]}
    pen.write(_placed(pen, bought, start, replaces), start)
    boxes = draw(_small[4])
    left = dict(bought)
    for number in range(boxes):
        rest = number == boxes - 1
        counts = {sku: n if rest else draw(_small[n + 1]) for sku, n in left.items()}
        left = {sku: n - counts[sku] for sku, n in left.items()}
        _box(pen, number, {sku: n for sku, n in counts.items() if n}, start)
    for _ in range(pen.pick((0, 0, 1, 1, 2, 3))):
        _extra(pen, bought, start)
    return pen.events


def _placed(pen: _Pen, bought: dict[str, int], start: datetime, replaces: str | None) -> AnyFact:
    day = start.date() + timedelta(days=pen.pick((4, 2, 9)))
    promise = pen.pick((day.isoformat(), f"{day}T18:00:00Z", None))
    country, zone = pen.pick(
        (("US", "America/New_York"), ("DE", "Europe/Berlin"), ("BR", None), (None, "Mars/X"))
    )
    email = pen.pick(("ines@example.com",) * 7 + (None,))
    return b.placed(
        pen.order_id,
        promise=promise,
        lines=b.lines(bought, price=pen.pick((1200, 9000, None))),
        customer=b.customer(country=country, time_zone=zone, email=email),
        ship_by=pen.pick((None, (start + b.DAY).date().isoformat())),
        replaces=replaces,
    )


def _box(pen: _Pen, number: int, counts: dict[str, int], start: datetime) -> None:
    order_id = pen.order_id
    shipment_id, tracking = f"{order_id}-P{number}", f"T{order_id}{number}"
    at = start + timedelta(hours=pen.pick((1, 20, 70)))
    plan = pen.pick(("fulfillment", "fulfillment", "label", "loose", "none"))
    if plan in {"fulfillment", "loose"}:
        box = shipment_id if plan == "fulfillment" else None
        fact = b.planned(counts, order_id=order_id, fulfillment_id=f"{order_id}-F{number}", shipment_id=box)
        pen.write(fact, at)
    _packing(pen, shipment_id, counts, at + b.HOUR)
    if pen.draw(_small[8]):
        own = b.pack(counts) if plan == "label" else None
        at += 2 * b.HOUR
        fact = b.labelled(order_id=order_id, shipment_id=shipment_id, tracking_number=tracking, lines=own)
        pen.write(fact, at)
    for _ in range(pen.draw(_small[7])):
        at += timedelta(hours=pen.pick(GAPS), minutes=7)
        fact = b.scanned(
            pen.pick(STATUSES),
            order_id=order_id,
            shipment_id=shipment_id if pen.draw(_small[4]) else None,
            tracking_number=tracking,
            reason=pen.pick(REASONS),
            estimated_delivery=pen.pick((None, None, None, (at + 3 * b.DAY).date().isoformat())),
        )
        pen.write(fact, at)


def _packing(pen: _Pen, shipment_id: str, counts: dict[str, int], at: datetime) -> None:
    mistake = pen.pick(("unscanned", *MISTAKES))
    if mistake == "unscanned":
        return
    scanned = dict(counts)
    if mistake in {"swap", "short", "corrected"} and counts:
        gone = next(iter(counts))
        scanned[gone] -= 1
    if mistake in {"swap", "over", "corrected"}:
        scanned["ODD-SOCK"] = 1
    if mistake == "moved":
        scanned[SKUS[0]] = scanned.get(SKUS[0], 0) + 1
    scanned = {sku: n for sku, n in scanned.items() if n}
    pen.write(b.packed(scanned, order_id=pen.order_id, shipment_id=shipment_id), at)
    if mistake == "corrected":
        fact = b.packed(counts, order_id=pen.order_id, shipment_id=shipment_id)
        pen.write(fact, at + timedelta(minutes=pen.pick((5, 300))))


def _extra(pen: _Pen, bought: dict[str, int], start: datetime) -> None:
    order_id = pen.order_id
    at = start + timedelta(hours=pen.pick((2, 26, 100, 200, 400)), minutes=pen.draw(_small[5]))
    some = b.pack({next(iter(bought)): 1})
    day = (at + timedelta(days=pen.pick((1, 4, 12)))).date().isoformat()
    revised = facts.PromiseWindow(by=day)
    fact: AnyFact
    match pen.pick(EXTRAS):
        case "changed":
            new = b.lines({**bought, SKUS[-1]: 1})
            address = b.customer(email=pen.pick(("new@example.com", None)))
            fact = facts.OrderChanged(order_id=order_id, lines=pen.pick((None, new)), customer=address)
        case "canceled":
            fact = facts.OrderCanceled(order_id=order_id)
        case "canceled_part":
            fact = facts.OrderCanceled(order_id=order_id, lines=some)
        case "revised":
            fact = facts.PromiseRevised(order_id=order_id, promise=revised, told_customer=True)
        case "revised_untold":
            fact = facts.PromiseRevised(order_id=order_id, promise=revised, told_customer=False)
        case "reported":
            kind = pen.pick(("wrong_item", "missing_item", "damaged", "not_received"))
            fact = facts.CustomerReported(order_id=order_id, kind=kind, lines=pen.pick((None, some)))
        case "choice":
            fact = facts.ChoiceMade(order_id=order_id, case_id="case", choice="keep")
        case "return_seen":
            fact = facts.ReturnCheckpoint(order_id=order_id, return_id="ret", status="in_transit")
        case "approved":
            fact = facts.PaymentApproved(order_id=order_id, ship_by=pen.pick((None, day)))
        case "replaced_by_staff":
            status = pen.pick(("placed", "shipped", "in_trouble", "recovered", "delivered", "canceled"))
            fact = facts.ReplacementProgressed(
                order_id=order_id,
                decision_id=f"dec-{order_id}-{len(pen.events)}",
                replacement_order_id=f"{order_id}-STAFF",
                status=status,
            )
        case _:
            fact = b.planned(
                dict(bought), order_id=order_id, fulfillment_id=f"{order_id}-AGAIN", shipment_id=None
            )
    pen.write(fact, at)


@st.composite
def histories(draw, *, orders: int = 3, duplicates: bool = True) -> History:
    """One to three orders, interleaved by the time at which we hear of things."""
    events: list[Event] = []
    for number in range(1 + draw(_small[orders])):
        replaces = "ORDER-0" if number and draw(_small[5]) == 0 else None
        events += _order(draw, f"ORDER-{number}", b.FRIDAY + number * 3 * b.HOUR, replaces)
    if duplicates:
        for _ in range(draw(_small[3])):
            again = events[draw(st.integers(0, len(events) - 1))]
            late = again.recorded_at + timedelta(minutes=draw(st.sampled_from((1, 500, 9000))))
            events.append(msgspec.structs.replace(again, recorded_at=late))
    events.sort(key=lambda one: one.recorded_at)
    whims = tuple(draw(st.lists(_small[8], min_size=1, max_size=6)))
    silence = timedelta(days=draw(st.sampled_from((3, 30))))
    return History(events=tuple(events), until=events[-1].recorded_at + silence, whims=whims)


def refuted(strategy, check, *, examples: int = 300) -> bool:
    """True when a law fails on something that ``strategy`` draws: the proof that its check can bite."""

    def fails(example) -> bool:
        try:
            check(example)
        except AssertionError:
            return True
        return False

    search = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        find(strategy, fails, settings=search)
    except NoSuchExample:
        return False
    return True
