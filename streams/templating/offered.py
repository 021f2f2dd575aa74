"""The names that words may use, each with its type, its sentence, and whether it can be absent.

This table is the contract between :mod:`streams.templating.variables`, which fills it, the checker,
which refuses anything else, and the studio, which offers it. ``optional`` names are None when absent,
so words must ask first: ``{% if arrives %}``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

import msgspec

NameType = Literal["text", "number", "flag", "items", "notes", "range", "label", "link", "group"]


class Offered(msgspec.Struct, frozen=True):
    """One name: ``says`` is the sentence shown to the person who writes."""

    type: NameType
    says: str
    optional: bool = False

    @property
    def printable(self) -> bool:
        """True when the name can stand in a sentence."""
        return self.type in {"text", "number"}


def _article_list(name: str, what: str, *, optional: bool = False) -> dict[str, Offered]:
    return {
        name: Offered("group", f"{what}; absent when there are none", optional),
        f"{name}.items": Offered("items", f"{what}, for the items part"),
        f"{name}.count": Offered("number", f"{what}: how many pieces"),
        f"{name}.one": Offered("flag", f"{what}: true when it is exactly one piece"),
        f"{name}.pieces": Offered("text", f"{what}, counted: '1 item', '3 items'"),
        f"{name}.names": Offered("text", f"{what}, listed in a sentence: 'a mug and two plates'"),
    }


def _days(name: str, what: str) -> dict[str, Offered]:
    return {
        name: Offered("range", f"{what}; absent when nobody can say honestly", optional=True),
        f"{name}.text": Offered("text", f"{what}: 'between Tuesday, November 24 and Friday, November 27'"),
        f"{name}.short": Offered("text", f"{what}: both days, abbreviated, for a card"),
        f"{name}.from_day": Offered("text", f"{what}: its first day"),
        f"{name}.by": Offered("text", f"{what}: its last day, 'Friday, November 27'"),
    }


OFFERED: MappingProxyType[str, Offered] = MappingProxyType(
    {
        "greeting": Offered("text", "'Hello Maria,' or a greeting without a name"),
        "customer": Offered("group", "who ordered"),
        "customer.first_name": Offered("text", "the first name, when there is one", optional=True),
        "order": Offered("group", "the order"),
        "order.id": Offered("text", "the order number, as the customer knows it"),
        **_article_list("ordered", "everything that was ordered", optional=True),
        "brand": Offered("group", "the shop"),
        "brand.name": Offered("text", "the shop's name"),
        "brand.human": Offered("text", "who signs"),
        "brand.reply_to": Offered("text", "the address where answers are read"),
        "links": Offered("group", "where a link or a button may lead"),
        "links.reply": Offered("link", "an answer to the person who signs"),
        "links.stop": Offered("link", "an answer that stops reminders"),
        "links.page": Offered(
            "flag", "true when links.stop leads to a page with a button, and not to a reply"
        ),
        "links.refund": Offered("link", "the answer 'my money back'", optional=True),
        "links.wait": Offered("link", "the answer 'I wait until it is here again'", optional=True),
        "links.website": Offered("link", "the shop"),
        "apologize": Offered("flag", "true when this mail says sorry; false when an earlier one has"),
        "second_failure": Offered("flag", "true when our own named date was broken"),
        "arrived": Offered("flag", "true when the parcel is with the customer"),
        "certain": Offered("flag", "false when we have reason to think so and do not know"),
        "found": Offered("flag", "true when a parcel that we called lost has turned up"),
        "trouble": Offered("group", "what an answer to an earlier trouble is about: one of these, or none"),
        "trouble.wrong": Offered("flag", "true when we packed or labeled the wrong thing"),
        "trouble.missing": Offered("flag", "true when we left something out"),
        "trouble.damaged": Offered("flag", "true when something broke on the way"),
        "trouble.lost": Offered("flag", "true when the parcel did not come"),
        "trouble.returned": Offered("flag", "true when the parcel came back to us"),
        "promised_by": Offered("text", "the day we promised: 'Friday, November 20'", optional=True),
        **_days("arrives", "when the parcel arrives now"),
        "parcel": Offered("group", "the parcel on its way", optional=True),
        "parcel.carrier": Offered("text", "who carries it", optional=True),
        "parcel.tracking_number": Offered("text", "its tracking number", optional=True),
        **_article_list("wrong", "what came and was not ordered", optional=True),
        **_article_list("missing", "what was ordered and did not come", optional=True),
        **_article_list("out_of_stock", "what we cannot send again, for we have none", optional=True),
        **_article_list("replacement", "what we are sending again", optional=True),
        "replacement.expedited": Offered("flag", "true when the replacement goes by express"),
        **_days("replacement.arrives", "when the replacement arrives"),
        "return": Offered("group", "permission to send something back", optional=True),
        "return.keep_after": Offered("text", "the day from which it is the customer's", optional=True),
        "keep_it": Offered("flag", "true when nothing comes back: what we sent by mistake is the customer's"),
        "label": Offered("label", "the prepaid label attached to this mail", optional=True),
        "label.carrier": Offered("text", "who takes the return", optional=True),
        "label.tracking_number": Offered("text", "the return's tracking number", optional=True),
        "goodwill": Offered("text", "credit beyond what is owed: '$5.00'", optional=True),
        "shipping_refund": Offered("text", "the shipping that we pay back: '$9.90'", optional=True),
        "also": Offered("notes", "what else is wrong with the order, one sentence each; may be empty"),
    }
)

# Names that every message may use without listing them in its message.toml.
ALWAYS = frozenset({"greeting", "customer", "order", "brand", "links", "apologize"})
