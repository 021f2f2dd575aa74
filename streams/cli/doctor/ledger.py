"""Looks at the mail ledger, wherever it is.

Mails by state, those whose fate nobody knows, the oldest that waits, and how many addresses are barred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from streams.cli.doctor.brokers import spell_age
from streams.cli.doctor.check import Check, fine
from streams.clock import wall_now

Ask = Callable[[str], Sequence[tuple[Any, ...]]]
"""Answers a question in SQL that SQLite and PostgreSQL both understand."""
_NAMED = 5  # mails in doubt that are named; the rest is counted
_PATIENCE = timedelta(hours=1)  # four attempts; from here on, the relay has a longer trouble
_STATES = "SELECT state, count(*) FROM mail_ledger GROUP BY state ORDER BY state"
_DOUBTS = "SELECT message_id, order_id FROM mail_ledger WHERE state = 'in_doubt' ORDER BY 1"
_OLDEST = "SELECT min(queued_at) FROM mail_ledger WHERE state IN ('claimed', 'sending', 'deferred')"
_BARRED = "SELECT count(*), max(since) FROM mail_barred"


def look_at_rows(ask: Ask) -> Iterator[Check]:
    """Say how many mails stand in each state, and name those whose fate nobody knows."""
    counts: dict[str, int] = dict(ask(_STATES))
    said = ", ".join(f"{count:,} {state}" for state, count in counts.items())
    yield fine("ledger", said or "no mail yet")
    doubts = [f"{message_id} (order {order_id})" for message_id, order_id in ask(_DOUBTS)]
    if doubts:
        more = f" and {len(doubts) - _NAMED:,} more" if len(doubts) > _NAMED else ""
        yield Check(
            what="in doubt",
            state="act",
            says=f"nobody knows whether these went out: {', '.join(doubts[:_NAMED])}{more}",
            do="look into the relay's log for the message id, and settle it in the console; `firstword explain in_doubt` says why nothing is sent again",
        )
    ((oldest,),) = ask(_OLDEST)
    if oldest is not None:
        yield from _waiting(datetime.fromisoformat(oldest))
    ((barred, since),) = ask(_BARRED)
    if barred:
        yield _barred(barred, datetime.fromisoformat(since))


def _barred(count: int, since: datetime) -> Check:
    which = "1 address is" if count == 1 else f"{count:,} addresses are"
    newest = f"the newest was added {spell_age(wall_now() - since)} ago"
    return fine("barred addresses", f"{which} written to no more: mail came back from there; {newest}")


def _waiting(queued_at: datetime) -> Iterator[Check]:
    age = wall_now() - queued_at
    if age > _PATIENCE:
        yield Check(
            what="waiting mails",
            state="look",
            says=f"the oldest mail that has not gone out was queued {spell_age(age)} ago",
            do="`firstword doctor` looks at the relay, too; mails are tried for 24 hours while a process runs",
        )
