"""Replies: what customers answer to our mails, out of the mailbox to which they answer.

What it reads: a Maildir with its folders (``--source replies=/var/mail/care``), a folder of ``.eml`` files, one
mail in a file or on standard input, and the raw mail as the body of ``POST /in/replies``. Of a mail over 256 KB
only the beginning.

What comes out: ``customer.replied.v1`` with the first 2,000 characters that the customer wrote, without what
they quote and without a signature: from then on a person speaks to them. An answer that is one word, and one
that our mails offer (stop, refund, wait, in five languages), is ``choice.made.v1`` as well. Where "stop" is all
that was written, it is that alone: there is nothing for a person to answer. When it came is the topmost
``Received``, which our own mail system wrote; then ``Date``.

Whose it was: every mail of ours begins its ``References`` with a name that holds order and case, and mail
programs send these along. ``In-Reply-To`` names the message. A mail from the link in our note that stops
reminders has no ``References``: its subject is the order's id and STOP.

What it ignores: automatic answers (RFC 3834, out of office), reports of mail systems (the source ``bounces``
reads those), mailing lists. What it refuses: mail that answers none of ours, which a person must read; an answer
that names the message and has lost the order; one that names two orders.

A mailbox is read once, when a run begins. While one runs, let the mail system hand each mail over as it comes:
``| curl --data-binary @- http://localhost:8080/in/replies``. For a mailbox elsewhere, let mbsync or offlineimap
copy its folder into a Maildir. Mails stay where they are, and unread: people answer them.

Known gaps: a sender's address proves nothing, so who knows order and case can write in a customer's name. A
colleague's answer in the same conversation counts as the customer's: answer from another mailbox than the one
read here. An answer that quotes without any mark is taken whole. Any mail with the subject ``WORD STOP`` is taken
for the link's, whether or not there is an order of that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from streams.core.events import ChoiceMade, CustomerReplied
from streams.core.ids import identify
from streams.pipeline.ports import Ignored, Incoming, Record, Rejected, Translation
from streams.problems import InputProblem
from streams.sources.foreign import incoming
from streams.sources.machines import (
    DELIVERY_REPORTS,
    OTHER_REPORTS,
    is_automatic,
    is_of_a_list,
    is_of_a_mail_system,
)
from streams.sources.mail import Mail, first, moment, take_apart
from streams.sources.mailbox import mails
from streams.sources.reading import rejected
from streams.sources.replies.thread import Thread, thread_of
from streams.sources.replies.words import STOP, choice_in, is_all, written

_NAME = "replies"
# A mail has one of these (RFC 5322 3.6 asks for two); what has none is not a mail.
_HEAD = ("from", "date", "received", "return-path", "subject", "to", "content-type")


class Replies:
    """Customers' answers in Maildirs, files or request bodies."""

    name = _NAME

    def read(self, location: str, *, after: int = -1) -> Iterator[Record]:
        """Yield one record per mail.

        Raises:
            InputProblem: ``source-not-found`` or ``source-empty``.
        """
        return mails(self.name, location, after=after)

    def translate(self, record: Record) -> Translation:
        """Return the answer in a mail, or why there is none."""
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
    nobody = _no_person(mail)
    if nobody is not None:
        return nobody
    thread = thread_of(mail)
    if isinstance(thread, Rejected):
        return thread
    came = _came(mail)
    return _no_time() if came is None else _facts(mail, thread, came)


def _facts(mail: Mail, thread: Thread, came: datetime) -> tuple[Incoming, ...]:
    """Return what the customer chose, and what they wrote; a second copy of the mail has the same ids."""
    text = written(mail)
    choice = STOP if thread.stops else choice_in(text)
    mark = first(mail.head, "message-id")[:998] or f"{came.isoformat()} {text}"
    found = []
    if choice is not None:
        made = ChoiceMade(order_id=thread.order_id, case_id=thread.case_id, choice=choice)
        found.append(_incoming(identify("chc", thread.order_id, mark), came, made))
    if choice is None or (text and not (choice_in(text) == choice and is_all(text))):
        said = CustomerReplied(order_id=thread.order_id, message_id=thread.message_id, text=text or None)
        found.append(_incoming(identify("rpl", thread.order_id, mark), came, said))
    return tuple(found)


def _incoming(event_id: str, came: datetime, fact: ChoiceMade | CustomerReplied) -> Incoming:
    return incoming(event_id=event_id, source=_NAME, occurred_at=came, order_id=fact.order_id, fact=fact)


def _no_person(mail: Mail) -> Ignored | None:
    """Return who wrote a mail that no customer wrote."""
    if mail.first(*DELIVERY_REPORTS, *OTHER_REPORTS) is not None or is_of_a_mail_system(mail.head):
        return Ignored(why="a report of a mail system: the source `bounces` reads those")
    if is_of_a_list(mail.head):
        return Ignored(why="a mailing list or a newsletter: nobody answers us there")
    if is_automatic(mail.head):
        return Ignored(why="an automatic answer (out of office, or a ticket system): no person wrote it")
    return None


def _came(mail: Mail) -> datetime | None:
    """Return when it came: our own mail system's stamp first, then the customer's clock."""
    stamps = (first(mail.head, "received").rpartition(";")[2], first(mail.head, "date"))
    return next((found for found in map(moment, stamps) if found is not None), None)


def _no_mail() -> Rejected:
    return Rejected(
        code="reply-no-mail",
        why="these bytes are no mail: they have no head that could be read",
        hint="send each mail as it came, with all its headers (RFC 5322)",
    )


def _no_time() -> Rejected:
    return Rejected(
        code="reply-no-time",
        why="neither Received nor Date say when it came",
        hint="send the mail as it came, with all its headers",
    )


SOURCE = Replies()
