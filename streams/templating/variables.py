"""Turns a letter into the offered names: plain dicts, texts and numbers, already in the customer's language.

Nothing else ever reaches a template, so a template can do nothing but print. The shape is fixed by
:mod:`streams.templating.offered`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import quote

from babel import Locale

from streams.core.events import DateRange, Kind, Letter, LetterLine
from streams.core.money import Money
from streams.links import ANSWERS
from streams.templating import wording
from streams.templating.brand import Brand
from streams.templating.offered import OFFERED
from streams.templating.phrases import Phrases
from streams.templating.plain import first_name, one_line
from streams.templating.steps import Names, Path, Settled

TITLE_LIMIT = 120  # characters: two lines on a phone
ID_LIMIT = 64
ROW_LIMIT = 25  # rows of a table: 25 keep the worst mail far below the 102 KB where Gmail clips
_TIMES = "\N{MULTIPLICATION SIGN}"
# Troubles that we put right by sending again, as words ask for them.
TROUBLES: MappingProxyType[Kind, str] = MappingProxyType(
    {
        "wrong_item": "wrong",
        "swapped_labels": "wrong",
        "short_shipment": "missing",
        "damaged": "damaged",
        "lost": "lost",
        "return_to_sender": "returned",
    }
)
NAMED_LIMIT = 4  # articles named in a sentence; more belong in a table


class Speaker:
    """A brand, a language and its phrases: everything that does not change from letter to letter."""

    def __init__(self, brand: Brand, locale: Locale, phrases: Phrases, *, signs: bool = False) -> None:
        self._signs = signs  # whether letters bring links of their own
        self.brand = brand
        self.locale = locale
        self.phrases = phrases
        self.lang = str(locale).replace("_", "-")
        # Letters of one time speak of the same few days.
        self._day = lru_cache(maxsize=1000)(self._written_day)
        self._range = lru_cache(maxsize=1000)(self._written_range)
        self._brand_names: Names = {
            "name": brand.name,
            "human": brand.sender.human,
            "role": brand.role_in(locale.language),
            "reply_to": brand.sender.reply_to,
            "website": brand.website,
            "postal_address": brand.postal_address,
        }
        self._imprint_for = lru_cache(maxsize=300)(self._written_imprint)

    @property
    def settled(self) -> Settled:
        """Return the names that are the same in every letter."""
        reply_to = self.brand.sender.reply_to
        # A plain-text mail shows a link as its address, without the machinery.
        links = {"reply": reply_to, "website": self.brand.website, **self._answers_in_text(reply_to)}
        return Settled(
            everywhere={
                "brand": self._brand_names,
                "say": self.phrases.frame,
                "dir": wording.direction(self.locale),
            },
            in_text={"links": links},
        )

    def names(
        self, order_id: str, letter: Letter, answers: Collection[str], reads: Collection[str] = OFFERED
    ) -> Names:
        """Return the offered names among ``reads`` for one letter; ``answers`` are the kinds the message speaks about itself."""
        names = {name: make(self, letter) for name, make in _made(frozenset(reads))}
        names["order"] = {"id": one_line(order_id, ID_LIMIT)}
        if "links" in reads:
            names["links"] = self._links(order_id)
        if "also" in reads:
            kinds = dict.fromkeys(letter.kinds)
            names["also"] = [self.phrases.also[kind] for kind in kinds if kind not in answers]
        return names

    def _greeting(self, letter: Letter) -> str:
        name = first_name(letter.customer_name)
        return self.phrases.hello.format(first_name=name) if name else self.phrases.hello_nobody

    def _answers_in_text(self, reply_to: str) -> Names:
        if self._signs:  # each letter has its own
            return {name: Path(("links", name)) for name in ("page", *ANSWERS)}
        return {"page": False, "stop": reply_to, "refund": "", "wait": ""}

    def _links(self, order_id: str) -> Names:
        subject = quote(one_line(order_id, ID_LIMIT), safe="")
        reply = f"mailto:{self.brand.sender.reply_to}?subject={subject}"
        return {
            "reply": reply,
            "stop": f"{reply}%20STOP",
            "website": self.brand.website,
            # The three become addresses of a page where the mail is sent by somebody who signs links.
            "page": False,
            "refund": None,
            "wait": None,
        }

    def _written_imprint(self, country: str) -> Names:
        return {"address": self.brand.address_in(country), "legal": list(self.brand.legal_in(country))}

    def _written_day(self, day: date | None) -> str | None:
        return None if day is None else wording.long_day(day, self.locale, self.phrases)

    def _money(self, amount: Money | None) -> str | None:
        return wording.money(amount, self.locale) if amount is not None and amount.minor > 0 else None

    def _written_range(self, days: DateRange | None) -> Names | None:
        if days is None:
            return None
        return {
            "text": wording.prose_range(days, self.locale, self.phrases),
            "short": wording.short_range(days.from_, days.by, self.locale),
            # For the card, which breaks the line between the two and nowhere else.
            "first": wording.short_day(min(days.from_, days.by), self.locale),
            "last": wording.short_day(days.by, self.locale) if days.from_ < days.by else "",
            "from_day": wording.long_day(days.from_, self.locale, self.phrases),
            "by": wording.long_day(days.by, self.locale, self.phrases),
        }

    def _articles(self, lines: Iterable[LetterLine]) -> Names | None:
        named = [(line.quantity, one_line(line.title or line.sku, TITLE_LIMIT)) for line in lines]
        if not named:
            return None
        pieces = sum(quantity for quantity, _ in named)
        return {
            "items": {
                "rows": [{"quantity": quantity, "title": title} for quantity, title in named[:ROW_LIMIT]],
                "more": self._more(len(named) - ROW_LIMIT),
            },
            "count": pieces,
            "one": pieces == 1,
            "pieces": wording.count(pieces, self.phrases.pieces, self.locale),
            "names": self._listed(named),
        }

    def _more(self, number: int) -> str:
        return wording.count(number, self.phrases.more, self.locale) if number > 0 else ""

    def _listed(self, named: list[tuple[int, str]]) -> str:
        parts = [title if quantity == 1 else f"{quantity} {_TIMES} {title}" for quantity, title in named]
        rest = self._more(len(parts) - NAMED_LIMIT)
        return wording.listed([*parts[:NAMED_LIMIT], rest] if rest else parts, self.locale)

    def _parcel(self, letter: Letter) -> Names | None:
        carrier = one_line(letter.carrier or "", ID_LIMIT) or None
        number = one_line(letter.tracking_number or "", ID_LIMIT) or None
        return {"carrier": carrier, "tracking_number": number} if carrier or number else None

    def _replacement(self, letter: Letter) -> Names | None:
        if letter.replacement_id is None:
            return None
        articles = self._articles(letter.replacement_lines or letter.order_lines)
        if articles is None:
            return None
        return {
            **articles,
            "expedited": letter.expedited,
            "arrives": self._range(letter.replacement_arrives),
        }

    def _return(self, letter: Letter) -> Names | None:
        return {"keep_after": self._day(letter.keep_after)} if letter.return_id else None

    def _label(self, letter: Letter) -> Names | None:
        if letter.label_id is None:
            return None
        return {
            "carrier": one_line(letter.label_carrier or "", ID_LIMIT) or None,
            "tracking_number": one_line(letter.label_tracking_number or "", ID_LIMIT) or None,
        }

    # How each name is made.
    MADE: ClassVar[Mapping[str, _Make]] = MappingProxyType(
        {
            "greeting": _greeting,
            "customer": lambda _, letter: {"first_name": first_name(letter.customer_name)},
            "ordered": lambda self, letter: self._articles(letter.order_lines),
            "brand": lambda self, _: self._brand_names,
            "apologize": lambda _, letter: letter.apologize,
            "second_failure": lambda _, letter: letter.second_failure,
            "arrived": lambda _, letter: letter.arrived,
            "certain": lambda _, letter: letter.certain,
            "found": lambda _, letter: letter.found,
            "trouble": lambda _, letter: _trouble(letter.kinds),
            "promised_by": lambda self, letter: self._day(letter.promised_by),
            "arrives": lambda self, letter: self._range(letter.arrives),
            "parcel": _parcel,
            # For the frame alone: who we are by law where the customer lives.
            "imprint": lambda self, letter: self._imprint_for((letter.country or "").upper()),
            "wrong": lambda self, letter: self._articles(letter.wrong_lines),
            "missing": lambda self, letter: self._articles(letter.missing_lines),
            "out_of_stock": lambda self, letter: self._articles(letter.out_of_stock),
            "replacement": _replacement,
            "return": _return,
            "keep_it": lambda _, letter: letter.keep_it,
            "label": _label,
            "goodwill": lambda self, letter: self._money(letter.goodwill),
            "shipping_refund": lambda self, letter: self._money(letter.shipping_refund),
        }
    )


def _trouble(kinds: Iterable[Kind]) -> Names:
    """Return which trouble a letter answers: the first that it names, for a mail speaks of one."""
    first = next((TROUBLES[kind] for kind in kinds if kind in TROUBLES), None)
    return {name: name == first for name in dict.fromkeys(TROUBLES.values())}


_Make = Callable[[Speaker, Letter], Any]


@lru_cache(maxsize=1024)
def _made(reads: frozenset[str]) -> tuple[tuple[str, _Make], ...]:
    """Return how to make what a template reads: a letter is asked for nothing else."""
    return tuple((name, make) for name, make in Speaker.MADE.items() if name in reads)
