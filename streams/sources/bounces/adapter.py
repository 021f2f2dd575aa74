"""Bounces: mails that came back after they had been accepted, out of the mailbox to which they come back.

What it reads: a Maildir with its folders (``--source bounces=/var/mail/bounces``), a folder of ``.eml`` files,
one mail in a file or on standard input, and the raw mail as the body of ``POST /in/bounces``. Of a mail over
256 KB only the beginning, which is where a report stands.

What comes out: ``message.bounced.v1``, when the recipient of a delivery report (RFC 3464, RFC 6533) has failed.
``reply`` begins with the enhanced status code (RFC 3463), then the mail system's own words, without
addresses. The data also has ``status``. Only failures for good count (class 5): class 4 means that somebody gave
up for now, and the next mail may arrive. The code is the report's; where that says nothing (5.0.0), that of the
diagnostic.
Mail systems that write words instead of reports (qmail, old Exims) are read for a code, or for "permanent".

Whose it was: order, case, message and template stand in the head of the returned mail (``X-Firstword-*``). The
address it came back to (``bounces+msg_...@``) and the mail's Message-ID name the message, too. Where they
name different ones, or a field stands twice, the report is forged and refused. The locale stands nowhere in
a mail and stays empty. When it came back is the topmost ``Received``, which our own mail system wrote; then
``Date``, then the last attempt.

What it ignores: delays, failures for now, good news, read receipts, complaints, automatic answers, and what
people write (the source ``replies`` reads that).
What it refuses: class 5.7, which is about us (reputation, authentication, policy) and not about the address: a day
on a blocklist must not silence us towards everybody; a bounce that names no message of ours; one that names the message only, since a message's
id does not tell its order; a report that says nothing.

A mailbox is read once, when a run begins. While one runs, let the mail system hand each bounce over as it comes:
``| curl --data-binary @- http://localhost:8080/in/bounces``. In a Maildir the place to go on from is a mail's
time of arrival, so mails may be taken out of it. One that is put in with an older time than the last one
read is not seen; name it directly.

Known gaps: who knows a message's id (its recipient does) can forge its bounce. Order ids lose doubled blanks
in a mail's head, and such a bounce finds another order. HTTP trusts whoever reaches the port.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from streams.core.events import MessageBounced
from streams.core.ids import LEFT_OF_AT, identify
from streams.pipeline.ports import Ignored, Incoming, Record, Rejected, Translation
from streams.problems import InputProblem
from streams.sources.bounces.reports import Failure, judge
from streams.sources.bounces.whose import Owner, owner_of
from streams.sources.foreign import incoming
from streams.sources.mail import Mail, first, moment, take_apart
from streams.sources.mailbox import mails
from streams.sources.reading import rejected

_NAME = "bounces"
# A mail has one of these (RFC 5322 3.6 asks for two); what has none is not a mail.
_HEAD = ("from", "date", "received", "return-path", "subject", "to", "content-type")


class Bounces:
    """Delivery reports in Maildirs, files or request bodies."""

    name = _NAME

    def read(self, location: str, *, after: int = -1) -> Iterator[Record]:
        """Yield one record per mail.

        Raises:
            InputProblem: ``source-not-found`` or ``source-empty``.
        """
        return mails(self.name, location, after=after)

    def translate(self, record: Record) -> Translation:
        """Return the bounce in a mail, or why there is none."""
        if isinstance(record.parsed, Rejected):
            return record.parsed
        mail = take_apart(record.raw)
        if mail is None or not any(field in mail.head for field in _HEAD):
            return _no_mail()
        try:
            return _translate(mail)
        except InputProblem as problem:
            return rejected(problem)


def _translate(mail: Mail) -> Translation:
    failure = judge(mail)
    if not isinstance(failure, Failure):
        return failure
    if not failure.is_permanent:
        return Ignored(why=f"a mail system gave up for now ({failure.status}): a later mail may arrive")
    owner = owner_of(mail, failure.recipient)
    if isinstance(owner, Rejected):
        return owner
    if failure.refuses_us:
        return _refuses_us(owner, failure)
    came_back = _came_back(mail, failure)
    return _no_time() if came_back is None else (_bounced(owner, failure, came_back),)


def _bounced(owner: Owner, failure: Failure, came_back: datetime) -> Incoming:
    """Return the fact; a second report of the same failure has the same id and counts once."""
    fact = MessageBounced(
        order_id=owner.order_id,
        message_id=owner.message_id,
        case_id=owner.case_id,
        template=owner.template,
        locale="",
        to_hash=owner.to_hash,
        reply=failure.words,
    )
    found = incoming(
        event_id=identify("bnc", owner.order_id, owner.message_id, failure.status),
        source=_NAME,
        occurred_at=came_back,
        order_id=owner.order_id,
        fact=fact,
    )
    assert found.data is not None  # `incoming` writes it
    told = msgspec.json.decode(found.data) | {"status": failure.status}
    return msgspec.structs.replace(found, data=msgspec.json.encode(told))


def _came_back(mail: Mail, failure: Failure) -> datetime | None:
    """Return when it came back: our own mail system's stamp first, then the words of strangers."""
    stamps = (first(mail.head, "received").rpartition(";")[2], first(mail.head, "date"), failure.attempted)
    return next((found for found in map(moment, stamps) if found is not None), None)


def _refuses_us(owner: Owner, failure: Failure) -> Rejected:
    which = owner.message_id if LEFT_OF_AT.fullmatch(owner.message_id) else "whose id is no name"
    return Rejected(
        code="bounce-refuses-us",
        why=f"a mail system refuses us, not the address ({failure.status}): the message {which} did not arrive",
        hint="look at our standing: SPF, DKIM, blocklists; `firstword timeline MESSAGE` finds the order, whose "
        "customer knows nothing yet",
    )


def _no_mail() -> Rejected:
    return Rejected(
        code="bounce-no-mail",
        why="these bytes are no mail: they have no head that could be read",
        hint="send each mail as it came, with all its headers (RFC 5322)",
    )


def _no_time() -> Rejected:
    return Rejected(
        code="bounce-no-time",
        why="neither Received nor Date nor the report say when it came back",
        hint="send the mail as it came, with all its headers",
    )


SOURCE = Bounces()
