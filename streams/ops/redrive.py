"""Gives dead letters another try: first says what would come of it, then does it, once per letter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import msgspec

from streams import telemetry
from streams.ops.letters import Letter, Letters, Selection, ambiguous, no_letter
from streams.pipeline.dead_letters import DeadLetter
from streams.pipeline.ports import Rejected


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A letter that stays where it is, and why."""

    dead: DeadLetter
    reason: Rejected


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a redrive would do: ``ready`` go back, ``refused`` stay, ``done`` were put back before."""

    ready: tuple[DeadLetter, ...] = ()
    refused: tuple[Refused, ...] = ()
    done: tuple[Letter, ...] = ()

    def stays(self) -> Counter[str]:
        """Count the refused by their reason of today."""
        return Counter(one.reason.code for one in self.refused)


def plan(letters: Letters, selection: Selection) -> Plan:
    """Try today's program on the records of the letters that are meant; nothing is written.

    Raises:
        UsageProblem: ``letter-not-found``, ``letter-ambiguous``.
        WorldProblem: the letters cannot be read.
    """
    ready: list[DeadLetter] = []
    refused: list[Refused] = []
    done: list[Letter] = []
    meant = [one for one in letters.letters() if selection.covers(one.dead)]
    _refuse_unclear(letters.name, selection.ids, meant)
    for one in meant:
        if one.state != "open":
            done.append(one)
            continue
        reason = letters.refusal(one.dead)
        if reason is None:
            ready.append(one.dead)
        else:
            refused.append(Refused(dead=one.dead, reason=reason))
    return Plan(ready=tuple(ready), refused=tuple(refused), done=tuple(done))


def redrive(letters: Letters, planned: Plan, now: datetime) -> int:
    """Put back what is ready; return how many letters nobody had put back in the meantime.

    Raises:
        WorldProblem: it could not be done; doing it again does no harm.
    """
    count = letters.put_back(planned.ready, now)
    if count:
        telemetry.dead_letters_redriven(count=count)
    return count


def _refuse_unclear(place: str, ids: Iterable[str], meant: Iterable[Letter]) -> None:
    """Refuse an id that is no letter's, and half an id that could be more than one's."""
    found = [one.dead.id for one in meant]
    for asked in ids:
        fits = [one for one in found if one.startswith(asked)]
        if not fits:
            raise no_letter(asked, place)
        if len(fits) > 1 and asked not in fits:
            raise ambiguous(asked, fits, place)
