"""What a rehearsal is told: a story with its people, its sentences and the letters that should follow."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec

from streams.policies.expected import Pattern

Said = Annotated[str, msgspec.Meta(min_length=1)]


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The customer of a story; what is not said is the shop's own."""

    name: Said = "Robin"
    email: str | None = None
    time_zone: str | None = None
    locale: str | None = None
    country: str | None = None


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence of a story and where it stands."""

    text: str
    where: str


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A letter as it should go out; what a field does not say may be anything.

    ``at`` is a day or a minute on the customer's clock; ``says`` are parts of its plain text, ``text`` all of it.
    ``notice`` is for those who learn from the story, and checks nothing.
    """

    template: str
    where: str
    at: date | datetime | None = None
    subject: str | None = None
    locale: str | None = None
    tells: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    never_says: tuple[str, ...] = ()
    attached: bool | None = None
    text: str | None = None
    notice: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One story file, read and checked; times in it are on the clock of ``zone``."""

    title: str
    where: str
    lesson: str
    zone: str
    begins: date | None
    order_id: str
    customer: Person
    articles: dict[str, str]
    settings: dict[str, str]
    given: tuple[Written, ...]
    until: datetime
    letters: tuple[Expected, ...]
    expect: tuple[Pattern, ...]
    never: tuple[Pattern, ...]
