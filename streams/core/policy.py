"""What the shop stands for, as values: thresholds, responses, budgets, hours. Loaded by ``streams/policies``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from typing import Literal

import msgspec

from streams.core.detector import A_BOX, A_SCAN, ANYTHING, Detector, Topic
from streams.core.events import Kind, Severity
from streams.core.finding import Look
from streams.core.remedy import Remedy
from streams.core.workdays import Calendars


class Shop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where parcels start and what to assume of a customer who does not say."""

    country: str = "US"
    time_zone: str = "America/New_York"
    locale: str = "en"
    currency: str = "USD"


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No mail between ``start`` and ``end`` of the customer's day; equal times mean never quiet."""

    start: time = time(21)
    end: time = time(8)


class Notify(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a mail may go out.

    ``window``: at most one mail per order in this time. ``patience``: how long a mail waits for its
    label and for the order system's word. ``stale_after``: news older than this when we first hear of
    it is not told. ``choose_within``: how long a customer's choice is waited for before a person calls.
    ``priority``: which trouble leads a mail that tells several.
    """

    window: timedelta = timedelta(hours=24)
    patience: timedelta = timedelta(minutes=30)
    stale_after: timedelta = timedelta(days=21)
    choose_within: timedelta = timedelta(days=7)
    priority: tuple[Kind, ...] = (
        "wrong_item",
        "damaged",
        "lost",
        "return_to_sender",
        "short_shipment",
        "late_delivery",
        "delivery_failed",
        "stalled_in_transit",
        "never_handed_over",
        "at_risk",
        "over_shipment",
        "swapped_labels",
    )


class Returns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Returns at the customer's convenience.

    ``keep_days`` after the label the article is the customer's to keep; ``follow_up_days`` after the
    replacement arrived one kind note may ask about the label, at most ``follow_ups`` times.
    """

    keep_days: int = 45
    follow_up_days: int = 6
    follow_ups: int = 1


class Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An honest range, in business days from today."""

    from_: int = msgspec.field(name="from")
    by: int


class Forecasts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What we believe about arrival, by how far the parcel has come; ``international`` is added to both ends.

    ``estimate_margin`` business days are added behind a carrier's own date.
    """

    not_handed_over: Span = Span(from_=3, by=7)
    in_transit: Span = Span(from_=1, by=5)
    stalled: Span = Span(from_=2, by=8)
    out_for_delivery: Span = Span(from_=1, by=3)
    attempt_failed: Span = Span(from_=1, by=3)
    replacement: Span = Span(from_=2, by=5)
    international: Span = Span(from_=2, by=5)
    estimate_margin: int = 2


class Response(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows from a trouble.

    ``settle``: how long it must stay true before anything is set in motion. ``tell_after``: how long
    before it is told. ``message``: the template, or none. ``person``: somebody decides first.
    """

    message: str | None = None
    remedies: tuple[str, ...] = ()
    settle: timedelta = timedelta(0)
    tell_after: timedelta = timedelta(0)
    person: bool = False


class Budgets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What remedies may cost us, in minor units by currency.

    ``order`` is one order's, computed in the fold; a currency that it does not name asks a person. All others
    hold across orders and are granted in one place: of one ``customer`` within 365 days, of one ``day`` (UTC), of
    one ``campaign`` (everything under one policy's name), and in ``total``. A currency that they do not name
    is not limited by them.
    """

    order: dict[str, int] = {}
    customer: dict[str, int] = {}
    day: dict[str, int] = {}
    campaign: dict[str, int] = {}
    total: dict[str, int] = {}


class Customers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer's history: a person decides from the case behind ``failures`` on, within ``failures_within``.

    After ``apologies`` within ``apologies_within`` mails say what is so and what we do, and not sorry again.
    0 asks nobody.
    """

    failures: int = 0
    failures_within: timedelta = timedelta(days=90)
    apologies: int = 0
    apologies_within: timedelta = timedelta(days=90)


class Brake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unusually many mails of one kind, one carrier or one station wait for ``people`` who look at ``sample`` of them.

    Unusual is more than ``most`` within ``window``, and more than ``factor`` times the usual of ``usual_days``
    days; 0 as ``most`` never brakes.
    """

    most: int = 0
    window: timedelta = timedelta(hours=1)
    factor: int = 5
    usual_days: int = 14
    sample: int = 10
    people: int = 2


class Reviews(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a person may think about money (``within``; 0 is for ever), and what is done then.

    ``overdue``: ``words_only`` tells the customer what is so and grants nothing that costs; ``approve`` and
    ``refuse`` are what they say.
    """

    within: timedelta = timedelta(0)
    overdue: Literal["words_only", "approve", "refuse"] = "words_only"


class Looks(msgspec.Struct, frozen=True, gc=False):
    """Detectors as functions, in the policy's order, each with whether an ordinary scan leaves its answer standing."""

    every: tuple[tuple[Callable[..., Look], bool], ...]
    after_scan: tuple[tuple[Callable[..., Look], bool], ...]  # those that a scan may move
    after_box: bool  # True when a plan or a packing scan may move any


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that may differ between two shops, or between yesterday and a backtest."""

    name: str
    version: str
    shop: Shop
    quiet: Quiet
    notify: Notify
    returns: Returns
    forecast: Forecasts
    budgets: Budgets
    customers: Customers
    brake: Brake
    reviews: Reviews
    detectors: tuple[Detector, ...]
    remedies: dict[str, Remedy]
    responses: dict[Kind, dict[Severity, Response]]
    second_failure: Response
    follow_up: Response
    replacement_update: Response
    out_of_stock: Response
    label_follows: Response
    found: Response
    calendars: Calendars

    asks: bool = False
    looks: dict[int, Looks] = {}
    topics: dict[Kind, Topic] = {}

    def __post_init__(self) -> None:
        """Begin with an empty memory of looks: a policy made from another one has detectors of its own.

        ``asks`` is whether anything must hold across orders, so that one place has to be asked.
        """
        budgets, customers = self.budgets, self.customers
        across = budgets.customer or budgets.day or budgets.campaign or budgets.total
        limited = across or customers.failures or customers.apologies or self.brake.most
        msgspec.structs.force_setattr(self, "asks", bool(limited))
        msgspec.structs.force_setattr(self, "looks", {})
        topics = {one.kind: one.topic for one in reversed(self.detectors)}
        msgspec.structs.force_setattr(self, "topics", topics)

    def looks_at(self, signs: int) -> Looks:
        """Return the detectors that can find something in an order with these signs."""
        known = self.looks.get(signs)
        if known is None:
            asked = [
                (one.detect, getattr(one, "unmoved_by", ANYTHING))
                for one in self.detectors
                if one.signs & signs
            ]
            every = tuple((detect, bool(unmoved_by & A_SCAN)) for detect, unmoved_by in asked)
            known = self.looks[signs] = Looks(
                every=every,
                after_scan=tuple(look for look in every if not look[1]),
                after_box=not all(unmoved_by & A_BOX for _, unmoved_by in asked),
            )
        return known

    def response(self, kind: Kind, severity: Severity) -> Response:
        """Return what follows from a trouble of this kind and severity."""
        return self.responses[kind][severity]

    def topic(self, kind: Kind) -> Topic:
        """Return the piece of news that a kind belongs to."""
        return self.topics[kind]

    def cured_by_arrival(self, kind: Kind) -> bool:
        """True when the parcel's arrival ends this kind of trouble."""
        return next(one.cured_by_arrival for one in self.detectors if one.kind == kind)

    def budget(self, currency: str) -> int | None:
        """Return what one order may cost in ``currency``, in minor units, or None when nobody has said."""
        return self.budgets.order.get(currency)
