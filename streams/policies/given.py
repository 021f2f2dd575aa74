"""The sentences of a test that say what happened: ``Fri 2026-11-20 10:15 packed 1 MARKERS-RED; box 2``.

A sentence is a time, a verb with its words, and clauses behind semicolons. The order of the list is the
order in which we hear of things: news that comes late simply stands further down.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import get_args

import msgspec

from streams.core import events as facts
from streams.core.events import AnyFact, Event, OrderedLine, Pieces, PromiseWindow
from streams.core.ids import identify
from streams.policies import readers
from streams.policies.moments import (
    CODE,
    day_or_moment,
    read_amount,
    read_moment,
    read_pieces,
    spell_moment,
    take_moment,
)
from streams.policies.refusal import Refusal, nearest

ORDER = "ORD-1"  # whom a test speaks of when it does not say
BOX = "BOX-1"
SOURCE = "story"
EVERYWHERE = ("order", "id", "heard")  # clauses of every verb
STATUSES: tuple[str, ...] = get_args(facts.Status)
Ask = Callable[[type[facts.Decision], str], str]
REPORTS = ("wrong_item", "missing_item", "damaged", "not_received")


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence taken apart; ``words`` is what stands behind the verb."""

    at: datetime
    verb: str
    words: str
    clauses: dict[str, str]
    order_id: str
    zone: str

    def get(self, clause: str, default: str | None = None) -> str | None:
        """Return what a clause says."""
        return self.clauses.get(clause, default)


def read_sentence(text: str, zone: str) -> Sentence:
    """Take a sentence apart.

    Raises:
        Refusal: the time, the verb or a clause is unknown.
    """
    at, rest = take_moment(text.strip(), zone)
    main, *others = (part.strip() for part in rest.split(";"))
    verb, _, words = main.partition(" ")
    if verb not in _VERBS:
        raise Refusal(CODE, f"nothing is ever `{verb}`", nearest(verb, _VERBS))
    known = (*_VERBS[verb][1], *EVERYWHERE)
    clauses: dict[str, str] = {}
    for part in others:
        name = next((clause for clause in known if part == clause or part.startswith(clause + " ")), None)
        if name is None:
            raise Refusal(CODE, f"`{verb}` does not know `{part}`", nearest(part.split(" ")[0], known))
        clauses[name] = part[len(name) :].strip()
    return Sentence(
        at=at,
        verb=verb,
        words=words.strip(),
        clauses=clauses,
        order_id=clauses.get("order", ORDER),
        zone=zone,
    )


def build_event(sentence: Sentence, index: int, recorded_after: datetime, ask: Ask) -> Event:
    """Return the event that a sentence tells.

    We hear of it when it happens, or at ``heard TIME``, but never before what stands above it.
    ``ask`` finds the identity of what was asked for before: the last review, the last return.

    Raises:
        Refusal: the words do not fit the verb.
    """
    heard = sentence.get("heard")
    recorded = read_moment(heard, sentence.zone) if heard else sentence.at
    if recorded < sentence.at:
        raise Refusal(CODE, f"heard at {spell_moment(recorded, sentence.zone)}, before it happened")
    build = _VERBS[sentence.verb][0]
    try:
        fact = build(sentence, ask)
    except (ValueError, msgspec.ValidationError) as error:
        if isinstance(error, Refusal):
            raise
        raise Refusal(CODE, f"{error}") from error
    return Event(
        id=sentence.get("id") or f"E{index + 1}",
        source=SOURCE,
        order_id=sentence.order_id,
        occurred_at=sentence.at,
        recorded_at=max(recorded, recorded_after),
        fact=fact,
    )


# ---------------------------------------------------------------------------- orders


def _placed(told: Sentence, _ask: Ask) -> AnyFact:
    promised, paid = told.get("promised"), told.get("shipping")
    return facts.OrderPlaced(
        order_id=told.order_id,
        customer=_customer(told),
        lines=_ordered(told.words),
        shipping=facts.Shipping(paid=read_amount(paid)) if paid else None,
        promise=_window(promised, told.zone) if promised else None,
        ship_by=_day_text(told, "ship by"),
        replaces=told.get("replaces"),
    )


def _changed(told: Sentence, _ask: Ask) -> AnyFact:
    about_customer = {"customer", "zone", "country", "locale", "email"} & told.clauses.keys()
    return facts.OrderChanged(
        order_id=told.order_id,
        customer=_customer(told) if about_customer else None,
        lines=_ordered(told.words) if told.words else None,
    )


def _customer(told: Sentence) -> facts.Customer:
    email = told.get("email", "robin@example.com")
    zone, country = told.get("zone", told.zone), told.get("country")
    return facts.Customer(
        customer_id=told.get("customer") or "CUS-1",
        name="Robin",
        email=None if email == "none" else email,
        locale=told.get("locale"),
        time_zone=readers.time_zone(zone),
        country=readers.country(country) if country else None,
    )


def _ordered(words: str) -> tuple[OrderedLine, ...]:
    lines = []
    for part in _listed(words):
        rest, _, grams = part.partition(" of ")
        what, _, price = rest.partition(" at ")
        piece = read_pieces(what)
        paid = read_amount(price) if price else None
        weight_g = _grams(grams) if grams else None
        lines.append(OrderedLine(sku=piece.sku, quantity=piece.quantity, unit_price=paid, weight_g=weight_g))
    return tuple(lines)


def _canceled(told: Sentence, _ask: Ask) -> AnyFact:
    lines = _pieces(told.words) if told.words else None
    return facts.OrderCanceled(order_id=told.order_id, lines=lines, reason=told.get("reason"))


def _paid(told: Sentence, _ask: Ask) -> AnyFact:
    return facts.PaymentApproved(order_id=told.order_id, ship_by=_day_text(told, "ship by"))


def _promised(told: Sentence, _ask: Ask) -> AnyFact:
    window = _window(told.words, told.zone)
    return facts.PromiseRevised(
        order_id=told.order_id, promise=window, told_customer="untold" not in told.clauses
    )


# ---------------------------------------------------------------------------- shipments


def _planned(told: Sentence, _ask: Ask) -> AnyFact:
    return facts.FulfillmentCreated(
        order_id=told.order_id,
        fulfillment_id=told.get("as") or f"F-{told.get('box') or 1}",
        lines=_pieces(told.words),
        shipment_id=told.get("box"),
    )


def _packed(told: Sentence, _ask: Ask) -> AnyFact:
    weight = told.get("weighs")
    return facts.ShipmentPacked(
        order_id=told.order_id,
        shipment_id=told.get("box") or BOX,
        lines=_pieces(told.words),
        weight_g=_grams(weight) if weight else None,
        station=told.get("station"),
    )


def _mixed(told: Sentence, _ask: Ask) -> AnyFact:
    """Read ``mixed up BOX-1 with ORD-2``: what the place that knows all boxes answers."""
    up, box, with_, other = (told.words.split() + [""] * 4)[:4]
    if (up, with_) != ("up", "with") or not other:
        raise Refusal(CODE, "the sentence stops in the middle", f"write: mixed up {BOX} with ORD-2")
    return facts.MixUpFound(
        order_id=told.order_id,
        case_id=identify("case", told.order_id),
        shipment_id=box,
        other_order_id=other,
        basis=readers.one_of(told.get("by") or "contents", ("contents", "weights"), "word"),  # type: ignore[arg-type]  # one of them
    )


def _labeled(told: Sentence, _ask: Ask) -> AnyFact:
    box, lines = told.get("box") or BOX, told.get("with")
    return facts.ShipmentCreated(
        order_id=told.order_id,
        shipment_id=box,
        carrier=told.get("carrier") or "Sandbox Post",
        tracking_number=told.words or f"TRACK-{box}",
        lines=_pieces(lines) if lines else None,
    )


def _scanned(told: Sentence, _ask: Ask) -> AnyFact:
    responsible = told.get("responsible")
    return facts.CheckpointReached(
        order_id=told.order_id,
        shipment_id=told.get("box") or BOX,
        status=readers.one_of(told.words, STATUSES, "status"),  # type: ignore[arg-type]  # one of them
        reason=told.get("reason"),
        responsible=readers.one_of(responsible, get_args(facts.Responsible), "word") if responsible else None,
        estimated_delivery=_day_text(told, "expects"),
        weight_g=_grams(weight) if (weight := told.get("weighs")) else None,
    )


# ---------------------------------------------------------------------------- customers and staff


def _reported(told: Sentence, _ask: Ask) -> AnyFact:
    kind, _, lines = told.words.partition(" ")
    return facts.CustomerReported(
        order_id=told.order_id,
        kind=readers.one_of(kind, REPORTS, "report"),  # type: ignore[arg-type]  # one of them
        lines=_pieces(lines) if lines else None,
    )


def _chose(told: Sentence, _ask: Ask) -> AnyFact:
    return facts.ChoiceMade(
        order_id=told.order_id, case_id=identify("case", told.order_id), choice=told.words
    )


def _reviewed(told: Sentence, ask: Ask) -> AnyFact:
    answer = readers.one_of(told.words, ("yes", "no"), "answer")
    only = told.get("only")
    return facts.ReviewResolved(
        order_id=told.order_id,
        review_id=ask(facts.ReviewRequested, "review_id"),
        approved=answer == "yes",
        by="Sam",
        note=told.get("note"),
        remedies=tuple(_listed(only)) if only is not None else None,
    )


def _replied(told: Sentence, _ask: Ask) -> AnyFact:
    return facts.CustomerReplied(order_id=told.order_id, text=told.words or None)


def _returned(told: Sentence, ask: Ask) -> AnyFact:
    return facts.ReturnCheckpoint(
        order_id=told.order_id,
        return_id=ask(facts.ReturnLabelRequested, "return_id"),
        status=readers.one_of(told.words, STATUSES, "status"),  # type: ignore[arg-type]  # one of them
    )


# ---------------------------------------------------------------------------- words


def _listed(words: str) -> list[str]:
    return [part.strip() for part in words.split(",") if part.strip()]


def _grams(words: str) -> float:
    number, _, unit = words.partition(" ")
    if unit != "g" or not number.isdigit():
        raise Refusal(CODE, f"`{words}` is no weight", "write: 450 g")
    return float(number)


def _pieces(words: str) -> tuple[Pieces, ...]:
    return tuple(read_pieces(part) for part in _listed(words))


def _window(text: str, zone: str) -> PromiseWindow:
    by = day_or_moment(text, zone)
    return PromiseWindow(by=by.isoformat())


def _day_text(told: Sentence, clause: str) -> str | None:
    words = told.get(clause)
    moment: date | datetime | None = day_or_moment(words, told.zone) if words else None
    return moment.isoformat() if moment is not None else None


_CUSTOMER = ("customer", "zone", "country", "locale", "email")
_VERBS: dict[str, tuple[Callable[[Sentence, Ask], AnyFact], tuple[str, ...]]] = {
    "placed": (_placed, ("promised", "ship by", "shipping", "replaces", *_CUSTOMER)),
    "changed": (_changed, _CUSTOMER),
    "canceled": (_canceled, ("reason",)),
    "paid": (_paid, ("ship by",)),
    "promised": (_promised, ("untold",)),
    "planned": (_planned, ("box", "as")),
    "packed": (_packed, ("box", "station", "weighs")),
    "mixed": (_mixed, ("by",)),
    "labeled": (_labeled, ("box", "carrier", "with")),
    "scanned": (_scanned, ("box", "reason", "responsible", "expects", "weighs")),
    "reported": (_reported, ()),
    "chose": (_chose, ()),
    "replied": (_replied, ()),
    "reviewed": (_reviewed, ("note", "only")),
    "returned": (_returned, ()),
}
