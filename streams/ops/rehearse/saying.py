"""Says what happened and what we did in words for customer service: articles by their titles, money as people write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime

import msgspec
from babel import Locale
from babel.dates import format_date

from streams.core import events as facts
from streams.core.events import Event, OrderedLine, Pieces, parse_day_or_instant
from streams.core.money import Money
from streams.core.zones import local
from streams.templating import wording

_ISO = re.compile(r"\b\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?(?![\w:-])")
_TIMES = " \N{MULTIPLICATION SIGN} "
_LOCALE = Locale("en", "US")  # of the page; the letters are in the customer's
_SCANS = {
    "pre_transit": "The carrier knows of the parcel and does not have it yet.",
    "in_transit": "The parcel is scanned on its way.",
    "out_for_delivery": "The parcel is out for delivery.",
    "attempt_failed": "The carrier rings, and nobody opens.",
    "available_for_pickup": "The parcel waits to be picked up.",
    "delivered": "The parcel is delivered.",
    "exception": "The carrier reports trouble with the parcel.",
    "return_to_sender": "The carrier sends the parcel back to us.",
    "expired": "The carrier looks for the parcel no more.",
    "unknown": "A scan comes that says nothing.",
}
_REPORTS = {
    "wrong_item": "{name} writes that something wrong came",
    "missing_item": "{name} writes that something is missing",
    "damaged": "{name} writes that it came damaged",
    "not_received": "{name} writes that nothing came",
}
_HELD = {
    "quiet_hours": "The letter waits: it is night where {name} is.",
    "window": "The letter waits: {name} has had one about this order today.",
    "label": "The letter waits for its return label.",
    "review": "The letter waits for a colleague's decision.",
    "settling": "The letter waits until we can be sure that it stays true.",
    "no_address": "The letter waits: we have no address that we can write to.",
    "storm": "The letter waits: unusually many say the same, and colleagues look at some of them first.",
}
_WITHDRAWN = {
    "cleared": "The waiting letter is dropped: it is no longer true.",
    "superseded": "The waiting letter is dropped: a newer one says more.",
    "refused": "The waiting letter is dropped: a colleague decided against it.",
    "canceled": "The waiting letter is dropped: the order was canceled.",
    "stale": "The waiting letter is dropped: it is too old to be news.",
    "no_address": "The letter is dropped: there is nowhere to send it.",
}
_ASKED = {
    "budget": "it costs more than we may spend without asking",
    "second_failure": "we would break our word a second time",
    "kind_needs_person": "only a person can tell what is right here",
    "stale": "it happened so long ago that only a person can tell what is still right",
    "uncertain": "what was seen does not prove it",
    "history": "this customer has met with trouble before",
    "storm": "unusually many orders have the same trouble at once",
    "label_refused": "no return label could be had",
    "bounced": "the letter about it came back",
    "reply": "the customer has answered, and a person reads it first",
}
_PROGRESS = {
    "placed": "The replacement is packed as an order of its own.",
    "shipped": "The replacement is on its way.",
    "delivered": "The replacement is delivered.",
    "canceled": "The replacement is canceled.",
    "in_trouble": "The replacement is in trouble too.",
    "recovered": "The replacement is back on track.",
}
_REMEDIES = {
    "return_label": "a return label",
    "expedited_replacement": "a replacement by express",
    "goodwill_credit": "a credit",
    "shipping_refund": "the shipping costs back",
    "apology": "an apology",
}


class Saying(msgspec.Struct, frozen=True):
    """A sentence, and what it rests on."""

    says: str
    because: tuple[str, ...] = ()


class Names(msgspec.Struct, frozen=True):
    """What things and people are called in a story, and the clock of its customer."""

    articles: Mapping[str, str]
    customer: str
    zone: str

    def pieces(self, lines: Iterable[Pieces] | Iterable[OrderedLine]) -> str:
        """Return so many of each article, as letters do."""
        return ", ".join(f"{one.quantity}{_TIMES}{self.articles.get(one.sku, one.sku)}" for one in lines)

    def proof(self, reads: str) -> str:
        """Return the sentence of an evidence with titles for articles and days as people write them."""
        for sku, title in self.articles.items():
            reads = re.sub(rf"(\d) x {re.escape(sku)}(?![\w-])", rf"\1{_TIMES}{_literal(title)}", reads)
        return _ISO.sub(lambda day: self.day(day[0]), reads)

    def day(self, day: date | datetime | str) -> str:
        """Return ``Tue, Nov 24``, with the time where one was said."""
        said = parse_day_or_instant(day) if isinstance(day, str) else day
        if isinstance(said, datetime):
            clock = local(said, self.zone)
            return f"{self.day(clock.date())}, {clock:%H:%M}"
        return format_date(said, "EEE, MMM d", locale=_LOCALE)


def _literal(title: str) -> str:
    """Return a title that stands for itself where text is put in the place of a pattern."""
    return title.replace("\\", r"\\")


def money(amount: Money) -> str:
    """Return ``$6.50``."""
    return wording.money(amount, _LOCALE)


def heard(event: Event, names: Names) -> Saying:
    """Say what happened; news that came late says when it was."""
    late = event.recorded_at != event.occurred_at
    because = (f"it happened {names.day(event.occurred_at)}; we hear of it only now",) if late else ()
    return Saying(_heard(event, names), because)


def _heard(event: Event, names: Names) -> str:
    fact = event.fact
    match fact:
        case facts.OrderPlaced():
            return _placed(fact, names)
        case facts.OrderChanged():
            return f"{names.customer}'s order is changed" + (
                f": {names.pieces(fact.lines)}." if fact.lines else "."
            )
        case facts.OrderCanceled():
            what = names.pieces(fact.lines) if fact.lines else "the whole order"
            return f"{names.customer} cancels {what}."
        case facts.PaymentApproved():
            return "The payment is approved" + (
                f"; to be shipped by {names.day(fact.ship_by)}." if fact.ship_by else "."
            )
        case facts.PromiseRevised():
            told = f"{names.customer} was told" if fact.told_customer else f"{names.customer} was not told"
            return f"The promise moves to {names.day(fact.promise.by)}; {told}."
        case facts.FulfillmentCreated():
            return f"To go into one box: {names.pieces(fact.lines)}."
        case facts.ShipmentPacked():
            return f"Scanned into the box: {names.pieces(fact.lines)}."
        case facts.ShipmentCreated():
            return f"The parcel gets its label: {fact.carrier} {fact.tracking_number}."
        case facts.CheckpointReached():
            return _scanned(fact, names)
        case facts.CustomerReported():
            said = _REPORTS[fact.kind].format(name=names.customer)
            return f"{said}: {names.pieces(fact.lines)}." if fact.lines else f"{said}."
        case facts.ChoiceMade():
            return f"{names.customer} chooses: {fact.choice}."
        case facts.ReviewResolved():
            note = f" “{fact.note}”" if fact.note else ""
            return f"{fact.by} looks at it and says {'yes' if fact.approved else 'no'}.{note}"
        case facts.ReturnCheckpoint():
            return f"The return parcel: {_SCANS[fact.status]}"
        case _:
            return fact.TYPE


def _placed(fact: facts.OrderPlaced, names: Names) -> str:
    if fact.replaces:
        return f"The replacement becomes an order of its own: {names.pieces(fact.lines)}."
    promised = f" Promised by {names.day(fact.promise.by)}." if fact.promise is not None else ""
    return f"{names.customer} orders {names.pieces(fact.lines)}.{promised}"


def _scanned(fact: facts.CheckpointReached, names: Names) -> str:
    reason = f" Reason: {fact.reason.replace('_', ' ')}." if fact.reason else ""
    expects = (
        f" The carrier now expects {names.day(fact.estimated_delivery)}." if fact.estimated_delivery else ""
    )
    return f"{_SCANS[fact.status]}{reason}{expects}"


def decided(fact: facts.Decision, names: Names) -> Saying:
    """Say what we decided, and what it rests on."""
    proofs = (
        ()
        if isinstance(fact, facts.ExceptionCleared)
        else tuple(names.proof(one.reads) for one in getattr(fact, "evidence", ()))
    )
    return Saying(_decided(fact, names), proofs)


def _decided(fact: facts.Decision, names: Names) -> str:
    match fact:
        case facts.ExceptionOpened():
            return f"We notice: {kind_words(fact.kind)}."
        case facts.ExceptionChanged():
            return f"It is {fact.severity} now: {kind_words(fact.kind)}."
        case facts.ExceptionCleared():
            return f"It is over: {kind_words(fact.kind)}."
        case facts.ReturnLabelRequested():
            return f"We pay for a return label for {names.pieces(fact.lines)}; theirs to keep after {names.day(fact.keep_after)}."
        case facts.ReplacementRequested():
            how = " by express" if fact.expedited else ""
            return f"We send {names.pieces(fact.lines)}{how}, and wait for nothing to come back."
        case facts.ReplacementProgressed():
            return _PROGRESS[fact.status]
        case facts.GoodwillGranted():
            return f"We credit {money(fact.cost)}."
        case facts.ShippingRefundGranted():
            return f"We give the {money(fact.cost)} for shipping back."
        case facts.RefundGranted():
            return f"We give {money(fact.cost)} back for {names.pieces(fact.lines)}."
        case facts.ReturnWaived():
            return f"{names.pieces(fact.lines)} need not come back: theirs to keep."
        case facts.ReviewExpired():
            done = {"approved": "yes", "refused": "no"}.get(fact.outcome, "words and no remedies")
            return f"Nobody decides in time; {fact.by} says {done}."
        case facts.ReviewRequested():
            offers = ", ".join(_REMEDIES.get(one, one.replace("_", " ")) for one in fact.remedies)
            what = f" about {offers}" if offers else ""
            return f"We ask a colleague{what}, because {_ASKED[fact.reason]}."
        case facts.MessageQueued():
            return f"We write to {names.customer}."
        case facts.MessageHeld():
            until = f" Until {names.day(fact.until)}." if fact.until is not None else ""
            return _HELD[fact.reason].format(name=names.customer) + until
        case facts.MessageWithdrawn():
            return _WITHDRAWN[fact.reason]
        case _:
            return fact.TYPE


def kind_words(kind: str) -> str:
    """Return a kind of trouble as words: ``late delivery``."""
    return kind.replace("_", " ")
