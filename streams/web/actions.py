"""Gets done what a person asks for: verdicts to the journal, letters another try, mails in doubt settled, backtests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from streams.mail import ledger as rules
from streams.mail.ledger import Row, Swap
from streams.mail.ledger_sql import open_ledger
from streams.ops.letters import Selection, open_letters
from streams.ops.read_model.shapes import OpenReview
from streams.ops.redrive import Plan, plan, redrive
from streams.ops.verdicts import FolderVerdicts, TopicVerdicts, Verdicts, resolved
from streams.problems import InputProblem
from streams.settings import Settings
from streams.web.backtesting import Backtests
from streams.web.ports import Report, Variant, Verdict

_SETTLED: Final[dict[Verdict, frozenset[str]]] = {
    "arrived": frozenset({"in_doubt"}),
    "send_again": frozenset({"in_doubt", "refused"}),
}
Taken = Callable[[], None]


class RealDeeds:
    """Deeds on a data folder, or on the topics. ``taken`` sees to it that what was left in the folder is taken."""

    def __init__(
        self,
        settings: Settings,
        backtests: Backtests,
        clock: Callable[[], datetime],
        *,
        kafka: bool,
        taken: Taken,
    ) -> None:
        self._settings = settings
        self._backtests = backtests
        self._clock = clock
        self._kafka = kafka
        self._taken = taken
        self._verdicts: Verdicts = TopicVerdicts(settings) if kafka else FolderVerdicts(settings.data)

    def resolve_review(
        self,
        review: OpenReview,
        *,
        approved: bool,
        by: str,
        note: str,
        remedies: Sequence[str] | None = None,
    ) -> None:
        """Hand over the event that a person decided; it is folded in a moment. ``remedies`` narrows a yes to these."""
        event = resolved(
            review.order_id,
            review.review_id,
            self._clock(),
            approved=approved,
            by=by,
            note=note,
            remedies=remedies,
        )
        self._verdicts.leave(event)
        self._taken()

    def redrive(self, letter_ids: Sequence[str], *, code: str | None, by: str) -> int:  # noqa: ARG002 - who it was is not kept with a letter
        """Give these letters another try, or all with a code; return how many.

        Raises:
            InputProblem: ``letters-stay``: today's program understands none of them either.
        """
        letters = open_letters(self._settings, kafka=self._kafka)
        try:
            ids, codes = tuple(letter_ids), () if code is None else (code,)
            planned = plan(letters, Selection(ids=() if codes else ids, codes=codes))
            if planned.refused and not planned.ready:
                raise _stay(planned)
            count = redrive(letters, planned, self._clock())
        finally:
            letters.close()
        self._taken()
        return count

    def settle(self, message_id: str, verdict: Verdict, *, by: str, evidence: str) -> bool:
        """Decide about a mail in doubt, or one that was refused; False when it has moved on meanwhile."""
        ledger = open_ledger(ledger_place(self._settings, kafka=self._kafka))
        try:
            row = ledger.find(message_id)
            if row is None or row.state not in _SETTLED[verdict] or row.letter is None:
                return False
            new = _settled(row, verdict, f"{by}: {evidence}", self._clock())
            if verdict == "arrived":
                new = rules.untold(new)  # whoever looks after the ledger tells the fold of it
            return ledger.write(swaps=[Swap(old=row, new=new)]).swaps[0]
        finally:
            ledger.close()

    def reports(self) -> Sequence[Report]:
        """Return the backtests that were run, the newest first."""
        return self._backtests.reports()

    def report(self, name: str) -> bytes | None:
        """Return a report's page."""
        return self._backtests.page(name)

    def backtest(self, variants: Sequence[Variant], *, until: date | None, by: str) -> str:
        """Start a backtest of today's policy beside these, and return its name."""
        return self._backtests.ask(variants, until=until, by=by)


def ledger_place(settings: Settings, *, kafka: bool) -> str:
    """Return where the mail ledger is, as the wiring has it: on one machine always in the data folder."""
    if kafka and settings.database is not None:
        return settings.database.reveal()
    return str(settings.data / "ledger.sqlite")


def _settled(row: Row, verdict: Verdict, said: str, now: datetime) -> Row:
    """Return the row as a person settled it, with the evidence in place of the relay's word."""
    new = rules.found_delivered(row, now) if verdict == "arrived" else rules.reopened(row, now)
    words = "found delivered by" if verdict == "arrived" else "reopened by"
    return msgspec.structs.replace(new, reply=rules.publishable(f"{words} {said}"))


def _stay(planned: Plan) -> InputProblem:
    first = planned.refused[0].reason
    return InputProblem(
        "letters-stay",
        f"today's program does not understand {'it' if len(planned.refused) == 1 else 'any of them'} either",
        where=planned.refused[0].dead.place,
        why=f"{first.why} [{first.code}]",
        hint=first.hint or "mend what is wrong first; nothing was changed",
    )
