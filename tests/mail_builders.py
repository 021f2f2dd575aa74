"""A shop, its letters and plain words, for the tests of the mail."""

from datetime import UTC, datetime, timedelta

from streams.core.events import Letter, MessageQueued
from streams.core.ids import address_hash
from streams.mail.identity import Identity
from streams.mail.sender import LedgerSender
from streams.pipeline.ports import Pin, RenderedMail
from streams.problems import TemplateProblem

FRIDAY = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHOP = Identity(
    from_address="care@shop.example",
    from_name="Crunchy Armchairs",
    reply_to="ida@shop.example",
    reply_to_name="Ida",
    message_id_domain="mail.shop.example",
)


def queued(message_id="msg_armchair", *, to="bob@example.com", case_id=None, template="late", thread=()):
    """Return a message that the core has decided to send; without ``to`` it has no letter."""
    letter = None if to is None else Letter(to=to, customer_name="Bob Söderlund", time_zone="Europe/Berlin")
    return MessageQueued(
        order_id=f"ORD-{message_id}",
        decision_id=f"d_{message_id}",
        message_id=message_id,
        case_id=case_id or f"case_{message_id}",
        template=template,
        locale="en",
        to_hash=address_hash(to or ""),
        thread=thread,
        letter=letter,
    )


class PlainWords:
    """A renderer with one sentence; the template ``broken`` is broken."""

    def pin(self, _message):
        """There is one version of the sentence, and one wording."""
        return Pin(version="plain")

    def sources(self, _template, _version):
        """It is made of nothing."""
        return b""

    def knows(self, _template, _version):
        """It is always at hand."""
        return True

    def learn(self, _template, _version, _sources):
        """There is nothing to learn."""

    def render(self, message, _pin=None):
        """Fill the sentence in."""
        if message.template == "broken":
            raise TemplateProblem("template-missing", "there is no template `broken`")
        return RenderedMail(
            subject=f"About {message.order_id}",
            preheader="",
            text="Your parcel is late.\n.\n..and we are sorry.\n",
            html="<p>Your parcel is late.</p>",
            template_version="1",
        )


def sender_over(ledger, transport, *, owner="test", **options):
    """Return a sender with the shop's identity and plain words."""
    options.setdefault("renderer", PlainWords())
    return LedgerSender(ledger=ledger, transport=transport, identity=SHOP, owner=owner, **options)
