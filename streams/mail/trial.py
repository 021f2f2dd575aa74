"""A mail sent as a test: to those alone who were named for it, marked as one, with nothing in it that does anything.

Nobody can mistake it: the subject begins with [TEST], every link leads nowhere, what mail programs would act on
is taken out, and the label says VOID. It passes the ledger by, so that no count and no customer ever knows of it.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Final

import msgspec

from streams.core.events import MessageQueued
from streams.mail.address import Unusable, check_address
from streams.mail.compose import compose
from streams.mail.headers import message_id
from streams.mail.identity import Identity
from streams.mail.outcomes import Accepted, Delivery, OurFault, Permanent, Temporary
from streams.mail.transport import Envelope
from streams.mail.url import open_transport
from streams.pipeline.ports import Attachment, RenderedMail
from streams.problems import InputProblem, WorldProblem

PREFIX: Final = "[TEST] "
NOWHERE: Final = "about:blank"
_HEADER: Final = b"X-Firstword-Test: 1\r\n"
# A tag from its name to its end, with the quoted values that may hold a ">".
_TAG: Final = re.compile(r"""<[a-zA-Z](?:[^"'>]|"[^"]*"|'[^']*')*>""")
_LEADS: Final = re.compile(
    r"""(\s(?:href|action|formaction|src|background|cite|ping)\s*=\s*)("[^"]*"|'[^']*'|[^\s>]+)""",
    re.IGNORECASE,
)
_SCRIPT: Final = re.compile(r"<script\b.*?</script\s*>", re.IGNORECASE | re.DOTALL)
_ADDRESS: Final = re.compile(r"\b(?:https?|mailto):[^\s<>()\"']+", re.IGNORECASE)
_STAYS: Final = re.compile(r"""["']?(?:cid:|data:image/)""", re.IGNORECASE)


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A test that a relay, or a Maildir, has taken: its Message-ID, and to whom it goes."""

    message_id: str
    to: str


async def send_trial(
    queued: MessageQueued,
    mail: RenderedMail,
    *,
    to: str,
    allowed: str,
    mail_url: str,
    identity: Identity,
    now: datetime,
    attachments: tuple[Attachment, ...] = (),
) -> Trial:
    """Send a rendered mail as a test; ``allowed`` is the setting ``test_recipients``.

    ``queued`` only lends its template's name; its customer, its order and its thread stay out of the mail.
    ``attachments`` must be harmless already (:func:`streams.labels.sandbox.void.void_label`).

    Raises:
        InputProblem: ``test-recipient-not-allowed``: nobody has named this address; ``test-recipient-wrong``.
        UsageProblem: ``mail-url``.
        WorldProblem: ``test-not-sent``: what the relay says.
    """
    recipient = _allowed(to, allowed)
    name = f"test_{secrets.token_hex(12)}"
    harmless = msgspec.structs.replace(
        queued, message_id=name, case_id="test", order_id="test", thread=(), letter=None
    )
    content = compose(
        harmless,
        inert(mail),
        attachments,
        identity=identity,
        to=recipient,
        first_subject=None,
        date=now,
    )
    envelope = Envelope(
        message_id=name, sender=identity.return_path(name), recipient=recipient, content=_HEADER + content
    )
    transport = open_transport(mail_url)
    try:
        delivery = await transport.deliver(envelope, _go_on)
    finally:
        await transport.close()
    _make_sure(delivery)
    return Trial(message_id=message_id(name, identity.message_id_domain), to=recipient)


def inert(mail: RenderedMail) -> RenderedMail:
    """Return the mail as a test: marked in its subject, and without anything that leads, loads or acts."""
    html = _TAG.sub(lambda tag: _LEADS.sub(_to_nowhere, tag[0]), _SCRIPT.sub("", mail.html))
    return RenderedMail(
        subject=f"{PREFIX}{mail.subject}",
        preheader=mail.preheader,
        text=_ADDRESS.sub(NOWHERE, mail.text),
        html=html,
        template_version=mail.template_version,
        images=mail.images,
    )


def _to_nowhere(found: re.Match[str]) -> str:
    return found[0] if _STAYS.match(found[2]) else f'{found[1]}"{NOWHERE}"'


async def _go_on() -> bool:
    return True


def _allowed(to: str, allowed: str) -> str:
    """Return the address as it goes over the wire, where it, or its domain, is among those named."""
    checked = check_address(to)
    if isinstance(checked, Unusable):
        raise InputProblem(
            "test-recipient-wrong", "nobody can be written to there", where="to", why=checked.why
        )
    address = checked.address.lower()
    named = {one.strip().lower() for one in allowed.split(",") if one.strip()}
    if address not in named and f"@{address.rpartition('@')[2]}" not in named:
        raise InputProblem(
            "test-recipient-not-allowed",
            "test mails may not be sent to this address",
            where="to",
            why="nobody has named it, or its domain" if named else "nobody has been named yet",
            hint="set FIRSTWORD_TEST_RECIPIENTS, such as marina@shop.example,@agency.example",
        )
    return checked.address


def _make_sure(delivery: Delivery) -> None:
    if isinstance(delivery, Accepted):
        return
    why = (
        delivery.text
        if isinstance(delivery, Temporary | Permanent | OurFault)
        else "the relay gave no answer"
    )
    raise WorldProblem(
        "test-not-sent",
        "the test mail was not taken",
        why=why,
        hint="look at FIRSTWORD_MAIL_URL and at the relay; `firstword doctor` asks it",
        retriable=isinstance(delivery, Temporary),
    )
