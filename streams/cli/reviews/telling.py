"""A review in words for a terminal, and as the JSON document of a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unicodedata import category

import click

from streams.cli.dead_letters.filters import brief, printable
from streams.ops.foresight import Foresight, Mail, Offer, Standpoint
from streams.ops.rehearse.saying import Names, decided, kind_words, money
from streams.ops.reviews import REASONS, Review

_NAMES = 12  # columns


def names_of(at: Standpoint) -> Names:
    """Return what the order calls its articles and its customer."""
    order, customer = at.order, at.order.customer
    titles = {one.sku: one.title for one in order.lines if one.title}
    name = (customer.name if customer is not None else None) or "the customer"
    return Names(titles, name, order.zone)


def facts_of(one: Review, at: Standpoint, says: str) -> Iterator[str]:
    """Yield what is asked and about whom, a line each, and the evidence."""
    names, order = names_of(at), at.order
    kinds = dict.fromkeys(f"{kind_words(trouble.kind)}, {trouble.severity}" for trouble in at.troubles)
    bought = names.pieces(order.lines)
    known = {
        "review": one.review_id,
        "order": one.order_id + (f", {bought} for {names.customer}" if bought else ""),
        "trouble": "; ".join(kinds),
        "why a person": REASONS[one.reason],
        "proposed": ", ".join(one.remedies) or "a mail, and no remedy",
        "cost": money(one.cost),
        "asked": brief(one.asked_at),
        "decide by": brief(one.decide_by) if one.decide_by is not None else "",
        "state": says,
    }
    for name, text in known.items():
        if text:
            yield f"{click.style(f'{name:<{_NAMES}}', dim=True)}  {printable(text)}"
    evidence = [names.proof(proof.reads) for proof in at.evidence]
    if evidence or one.limits:
        yield ""
        yield from (f"  - {printable(sentence)}" for sentence in (*evidence, *one.limits))


def follows(word: str, found: Foresight, names: Names) -> Iterator[str]:
    """Yield what a word sets in motion, and the mail that goes with it."""
    yield click.style(f"{word}:", bold=True)
    for offer in found.offers:
        price = f" ({money(offer.cost)})" if offer.cost is not None else ""
        yield f"  {printable(decided(offer.decision, names).says)}{price}"
    if found.mail is None:
        yield "  Nothing is sent." if found.offers else "  Nothing is sent, and nothing is set in motion."
        return
    yield f"  This mail goes out{', with a return label' if found.mail.has_label else ''}:"
    yield ""
    yield from _letter(found.mail)


def _letter(mail: Mail) -> Iterator[str]:
    if mail.problem:
        yield printable(mail.problem)
        return
    yield f"    Subject: {_obeyed_by_nobody(mail.subject)}"
    yield ""
    for line in mail.text.splitlines():
        yield f"    {_obeyed_by_nobody(line)}".rstrip()


def _obeyed_by_nobody(line: str) -> str:
    """Return a line of a mail without what a terminal obeys; thin spaces and marks of direction stay."""
    return "".join(one if category(one) != "Cc" else f"\\x{ord(one):02x}" for one in line)


def plain_review(one: Review, says: str) -> dict[str, Any]:
    """Return a review as plain data."""
    return {
        "id": one.review_id,
        "order": one.order_id,
        "case": one.case_id,
        "standing": one.standing,
        "says": says,
        "reason": one.reason,
        "reads": REASONS[one.reason],
        "remedies": list(one.remedies),
        "cost": one.cost,
        "asked_at": one.asked_at,
        "decide_by": one.decide_by,
        "limits": list(one.limits),
        "by": one.by or None,
        "note": one.note or None,
        "decided_at": one.at,
        "only": one.narrowed,
    }


def plain_standpoint(at: Standpoint) -> dict[str, Any]:
    """Return what the review is about as plain data."""
    return {
        "now": at.now,
        "asked_by_todays_policy": at.is_asked,
        "troubles": [
            {"kind": one.kind, "severity": one.severity, "subject": one.subject, "since": one.since}
            for one in at.troubles
        ],
        "evidence": [{"event": one.event_id, "reads": one.reads} for one in at.evidence],
    }


def plain_follows(found: Foresight, names: Names) -> dict[str, Any]:
    """Return what follows from a word as plain data."""
    return {
        "remedies": [_offer(one, names) for one in found.offers],
        "mail": _mail(found.mail) if found.mail is not None else None,
    }


def _offer(one: Offer, names: Names) -> dict[str, Any]:
    return {"remedy": one.remedy, "cost": one.cost, "says": decided(one.decision, names).says}


def _mail(mail: Mail) -> dict[str, Any]:
    letter = mail.message.letter
    return {
        "template": mail.message.template,
        "locale": mail.message.locale,
        "to": letter.to if letter is not None else None,
        "subject": mail.subject,
        "preheader": mail.preheader,
        "text": mail.text,
        "return_label": mail.has_label,
        "problem": mail.problem or None,
    }
