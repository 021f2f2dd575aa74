"""Pages about the states of the mail ledger: what is certain in each, and what may follow."""

from __future__ import annotations

from typing import get_args

from streams.cli.explain.page import Page
from streams.mail.ledger import State
from streams.policies.loader import LoadedPolicy

# What is certain, and what follows; the drawing of all arrows is in streams/mail/ledger.py.
_STATES = {
    "claimed": (
        "We mean to send it, and no connection was used yet.",
        "becomes sending, or deferred, refused, suppressed or withdrawn; after a crash it is sent",
    ),
    "sending": (
        "All but the final dot may have gone out; the only state in which a mail can go out unseen.",
        "becomes accepted, deferred or refused by the relay's word, in_doubt without one",
    ),
    "accepted": (
        "The relay took responsibility for it, or it stands in the Maildir.",
        "is the end; the letter is forgotten; it may still bounce",
    ),
    "deferred": (
        "The relay did not take it yet.",
        "is tried again after 1, 5, 15 and then every 60 minutes, and refused after 24 hours",
    ),
    "refused": (
        "The relay said never, or 24 hours of trying are over.",
        "is the end, unless a person reopens it",
    ),
    "in_doubt": (
        "The connection died after the final dot: it may be in the mailbox, it may not.",
        "is never tried again blindly: the template's rule says leave, or resend_once under the same Message-ID",
    ),
    "suppressed": (
        "It was not sent, by rule: no usable address, or an address that is written to no more.",
        "is the end",
    ),
    "withdrawn": (
        "It was no longer true before it was sent.",
        "is the end; whoever brings it again finds the door closed",
    ),
}


def pages(_policy: LoadedPolicy | None = None) -> dict[str, Page]:
    """Return the page of every state, in the order of the drawing."""
    return {
        state: Page(
            name=state,
            sentence=_STATES[state][0],
            lines=(_STATES[state][1],),
            plain={"state": state, "certain": _STATES[state][0], "then": _STATES[state][1]},
        )
        for state in get_args(State)
    }
