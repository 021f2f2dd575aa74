"""The sentences of a test that say what should follow: ``message wrong_item, apology at Fri 2026-11-20 15:10``.

A decision is spelled in the same language, so what was seen instead can be pasted into the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from streams.core import events as facts
from streams.core.events import Decision
from streams.core.money import spell_amount
from streams.policies.moments import (
    CODE,
    day_or_moment,
    read_amount,
    read_day,
    read_moment,
    read_pieces,
    spell_day,
    spell_moment,
    spell_pieces,
)
from streams.policies.refusal import Refusal, nearest

_VERBS: dict[str, tuple[str, ...]] = {
    "exception": ("opened", "changed", "cleared"),
    "message": ("queued", "held", "withdrawn"),
    "return_label": ("requested", "lapsed"),
    "replacement": ("requested", "placed", "shipped", "delivered", "canceled", "in_trouble", "recovered"),
    "goodwill": ("granted",),
    "shipping_refund": ("granted",),
    "refund": ("granted",),
    "return": ("waived",),
    "allowance": ("requested",),
    "mix_up": ("suspected",),
    "review": ("requested", "expired"),
    "anything": (),
}
_UNSAID = {
    "message": "queued",
    "replacement": "requested",
    "return_label": "requested",
}  # what a head without a verb means
_PLAIN = {
    "minor", "major", "severe",
    "quiet_hours", "window", "label", "review", "settling", "no_address", "storm",
    "cleared", "superseded", "refused", "canceled", "stale",
    "budget", "second_failure", "kind_needs_person", "uncertain", "history", "bounced", "reply", "label_refused",
    "approved", "words_only", "for remedies", "for message", "owed",
    "expedited", "apology", "arrived", "with label", "with replacement", "keep it", "out of stock", "found", "uncertain words",
}  # fmt: skip  # one line per decision
_WHEN = re.compile(
    r"^(.*)(?<!keep) (at|on|before|after) ((?:[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d\S*)?)$"
)
_TIMES = {"once": 1, "twice": 2}
_COUNT = re.compile(r"(\d+) times")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as a test sees it."""

    head: tuple[str, str, str]
    facts: tuple[str, ...]
    at: datetime
    text: str


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """What a sentence matches; ``count`` None is at least once."""

    text: str
    head: tuple[str | None, str | None, str | None]
    facts: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    count: int | None = None
    when: str | None = None
    moment: date | datetime | None = None
    zone: str = "UTC"

    def matches(self, seen: Seen) -> bool:
        """True when a decision is what the sentence says."""
        heads = all(mine is None or mine == its for mine, its in zip(self.head, seen.head, strict=True))
        present = all(fact in seen.facts or _read_in(fact, seen.facts) for fact in self.facts)
        return (
            heads and present and not any(fact in seen.facts for fact in self.absent) and self._timely(seen)
        )

    def _timely(self, seen: Seen) -> bool:
        if self.moment is None:
            return True
        exact = isinstance(self.moment, datetime)
        minute = seen.at.replace(second=0, microsecond=0)
        at: date | datetime = minute if exact else seen.at.astimezone(ZoneInfo(self.zone)).date()
        if self.when == "before":
            return at < self.moment
        return at > self.moment if self.when == "after" else at == self.moment


def read_pattern(text: str, zone: str, kinds: Collection[str], templates: Collection[str]) -> Pattern:
    """Read an expectation; every word is checked, so that a slip in ``never`` cannot pass by silence.

    Raises:
        Refusal: a word is unknown.
    """
    rest, when, moment = _split_when(text.strip(), zone)
    head, *parts = (part.strip() for part in rest.split(","))
    present, absent, count = [], [], None
    for part in parts:
        times = _TIMES.get(part) or (int(found[1]) if (found := _COUNT.fullmatch(part)) else None)
        if times is not None:
            count = times
        elif part.startswith("no "):
            absent.append(_fact(part[3:], zone, kinds))
        else:
            present.append(_fact(part, zone, kinds))
    return Pattern(
        text=text,
        head=_head(head.split(), kinds, templates),
        facts=tuple(present),
        absent=tuple(absent),
        count=count,
        when=when,
        moment=moment,
        zone=zone,
    )


def _split_when(text: str, zone: str) -> tuple[str, str | None, date | datetime | None]:
    found = _WHEN.match(text)
    if found is None:
        return text, None, None
    moment: date | datetime
    if found[2] == "at":
        moment = read_moment(found[3], zone)
    elif found[2] == "on":
        moment = read_day(found[3])
    else:
        moment = day_or_moment(found[3], zone)
    return found[1], found[2], moment


def _head(
    words: list[str], kinds: Collection[str], templates: Collection[str]
) -> tuple[str | None, str | None, str | None]:
    subject = _known(words[0] if words else "", _VERBS, "word")
    if subject == "anything":
        return None, None, None
    rest, verbs = words[1:], _VERBS[subject]
    verb = rest.pop() if rest and rest[-1] in verbs else _UNSAID.get(subject)
    objects = {"exception": kinds, "message": templates}.get(subject, ())
    named = _known(rest.pop(0), (*objects, *verbs), subject) if rest else None
    if rest:
        raise Refusal(CODE, f"`{' '.join(rest)}` stands where nothing is expected", nearest(rest[0], verbs))
    return subject, named, verb


def _known(word: str, valid: Collection[str], what: str) -> str:
    if word not in valid:
        raise Refusal(CODE, f"there is no {what} `{word}`", nearest(word, valid))
    return word


def _fact(text: str, zone: str, kinds: Collection[str]) -> str:
    """Return a fact in its one spelling."""
    if text in _PLAIN:
        return text
    for name, read in _KEYED.items():
        if text.startswith(name + " "):
            words = text[len(name) + 1 :].strip()
            if name == "tells":
                return f"tells {_known(words, kinds, 'kind')}"
            if name == "until":
                return f"until {spell_moment(read_moment(words, zone), zone)}"
            return f"{name} {read(words)}"
    if text[:1].isdigit():
        return spell_pieces(read_pieces(text))
    raise Refusal(CODE, f"`{text}` is nothing that a decision says", nearest(text, (*_PLAIN, *_KEYED)))


def _span(words: str) -> str:
    start, _, end = words.partition(" to ")
    return f"{spell_day(read_day(start))} to {spell_day(read_day(end))}"


def _amount(words: str) -> str:
    return spell_amount(read_amount(words))


def _day(words: str) -> str:
    return spell_day(read_day(words))


def _piece(words: str) -> str:
    return spell_pieces(read_pieces(words))


_KEYED: dict[str, Callable[[str], str]] = {
    "replacement arrives": _span,
    "arrives": _span,
    "shipping refund": _amount,
    "goodwill": _amount,
    "costs": _amount,
    "keep after": _day,
    "promised": _day,
    "missing": _piece,
    "extra": _piece,
    "tells": str,
    "until": str,
    "subject": str,
    "order": str,
    "locale": str,
    "country": str,
    "offers": str,
    "reads": str,
}


def _read_in(fact: str, said: tuple[str, ...]) -> bool:
    """Evidence is prose: a part of its sentence is enough."""
    if not fact.startswith("reads "):
        return False
    return any(one.startswith("reads ") and fact[6:] in one[6:] for one in said)


# ---------------------------------------------------------------------------- decisions in words


def describe(decision: Decision, at: datetime, zone: str) -> Seen:
    """Return a decision in the words of a test, on the clock of ``zone``."""
    head, said = _describe(decision, zone)
    shown = " ".join(part for part in head if part and part != "queued")
    loud = [fact for fact in said if not fact.startswith("reads ")]
    text = ", ".join((shown, *loud)) + f" at {spell_moment(at, zone)}"
    return Seen(head=head, facts=(*said, f"order {decision.order_id}"), at=at, text=text)


def _describe(decision: Decision, zone: str) -> tuple[tuple[str, str, str], tuple[str, ...]]:
    match decision:
        case facts.ExceptionOpened() | facts.ExceptionChanged() | facts.ExceptionCleared():
            return ("exception", decision.kind, decision.TYPE.split(".")[1]), _of_exception(decision)
        case facts.MessageQueued():
            return ("message", decision.template, "queued"), _of_letter(decision)
        case facts.MessageHeld():
            until = (f"until {spell_moment(decision.until, zone)}",) if decision.until else ()
            return ("message", decision.template, "held"), (decision.reason, *until)
        case facts.MessageWithdrawn():
            return ("message", decision.template, "withdrawn"), (decision.reason,)
        case facts.ReturnLabelRequested():
            country = (f"country {decision.country}",) if decision.country else ()
            keep = f"keep after {spell_day(decision.keep_after)}"
            said = (
                *map(spell_pieces, decision.lines),
                f"costs {spell_amount(decision.cost)}",
                keep,
                *country,
            )
            return ("return_label", "", "requested"), said
        case facts.ReplacementRequested():
            speed = ("expedited",) if decision.expedited else ()
            lines = tuple(map(spell_pieces, decision.lines))
            return ("replacement", "", "requested"), (*speed, *lines, f"costs {spell_amount(decision.cost)}")
        case facts.ReplacementProgressed():
            return ("replacement", "", decision.status), ()
        case facts.GoodwillGranted():
            return ("goodwill", "", "granted"), (f"costs {spell_amount(decision.cost)}",)
        case facts.ShippingRefundGranted():
            return ("shipping_refund", "", "granted"), (f"costs {spell_amount(decision.cost)}",)
        case facts.RefundGranted():
            lines = tuple(map(spell_pieces, decision.lines))
            return ("refund", "", "granted"), (*lines, f"costs {spell_amount(decision.cost)}")
        case facts.ReturnLabelLapsed():
            return ("return_label", "", "lapsed"), ()
        case facts.ReturnWaived():
            return ("return", "", "waived"), tuple(map(spell_pieces, decision.lines))
        case facts.AllowanceRequested():
            costs = tuple(f"costs {spell_amount(cost)}" for cost in decision.costs)
            owed = ("owed",) if decision.owed else ()
            said = (f"for {decision.purpose}", f"tells {decision.kind}", *costs, *owed)
            return ("allowance", "", "requested"), said
        case facts.MixUpSuspected():
            return ("mix_up", "", "suspected"), (f"subject {decision.shipment_id}",)
        case facts.ReviewExpired():
            return ("review", "", "expired"), (decision.outcome,)
        case facts.ReviewRequested():
            offers = tuple(f"offers {name}" for name in decision.remedies)
            return ("review", "", "requested"), (
                decision.reason,
                *offers,
                f"costs {spell_amount(decision.cost)}",
            )
    raise LookupError(decision.TYPE)


def _of_exception(
    decision: facts.ExceptionOpened | facts.ExceptionChanged | facts.ExceptionCleared,
) -> tuple[str, ...]:
    said = [decision.severity, f"subject {decision.subject}"]
    if not isinstance(decision, facts.ExceptionCleared):
        said += [f"missing {spell_pieces(piece)}" for piece in decision.missing]
        said += [f"extra {spell_pieces(piece)}" for piece in decision.extra]
    return (*said, *(f"reads {proof.reads}" for proof in decision.evidence))


def _of_letter(decision: facts.MessageQueued) -> tuple[str, ...]:
    letter = decision.letter
    if letter is None:
        return ()
    said = ["apology"] if letter.apologize else []
    said += ["second_failure"] if letter.second_failure else []
    said += ["arrived"] if letter.arrived else []
    said += ["with label"] if letter.label_id else []
    said += ["with replacement"] if letter.replacement_id else []
    said += ["keep it"] if letter.keep_it else []
    said += ["out of stock"] if letter.out_of_stock else []
    said += ["found"] if letter.found else []
    said += [] if letter.certain else ["uncertain words"]
    said += [f"tells {kind}" for kind in letter.kinds]
    said += [f"promised {spell_day(letter.promised_by)}"] if letter.promised_by else []
    said += [f"arrives {_days(letter.arrives)}"] if letter.arrives else []
    said += [f"replacement arrives {_days(letter.replacement_arrives)}"] if letter.replacement_arrives else []
    said += [f"keep after {spell_day(letter.keep_after)}"] if letter.keep_after else []
    said += [f"goodwill {spell_amount(letter.goodwill)}"] if letter.goodwill else []
    said += [f"shipping refund {spell_amount(letter.shipping_refund)}"] if letter.shipping_refund else []
    return (*said, f"locale {decision.locale}")


def _days(span: facts.DateRange) -> str:
    return f"{spell_day(span.from_)} to {spell_day(span.by)}"
