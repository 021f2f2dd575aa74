"""A person's word: looked at first, handed over once, and seen to be taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from streams.cli.dead_letters.taking import Taken, take
from streams.cli.output import print_document
from streams.cli.reviews import asking
from streams.cli.reviews.looking import Ahead, Look
from streams.cli.reviews.telling import follows, names_of, plain_follows, plain_review
from streams.ops.reviews import Review
from streams.ops.verdicts import FolderVerdicts, TopicVerdicts, Verdicts, resolved
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.ops.foresight import Foresight
    from streams.settings import Settings

LONGEST_NAME, LONGEST_NOTE = 256, 4_000  # characters, as the event has them


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says: yes or no, who, why, and to which remedies alone (None: all)."""

    approved: bool
    by: str
    note: str = ""
    only: str | None = None

    @property
    def verb(self) -> str:
        """Return ``approved`` or ``refused``."""
        return "approved" if self.approved else "refused"


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a word: handed over, taken by whom; or nothing, because the review was decided before."""

    review: Review
    says: str
    ahead: Ahead
    follows: Foresight | None = None
    handed_over: bool = False
    taken: Taken | None = None


def decide(settings: Settings, asked: str, word: Word, *, kafka: bool, dry_run: bool) -> Done:
    """Hand a person's word over, unless somebody decided before, or it is a dry run.

    Raises:
        streams.problems.Problem: it is not said who decides, which review or remedies are meant, or the
            history cannot be read or written; doing it again does no harm.
    """
    _refuse_nobody(word)
    with Look(settings, kafka=kafka) as look:
        found = look.find(asked)
        only = asking.remedies_of(word.only, found)
        done = Done(review=found, says=look.says(found), ahead=look.ahead(found))
        if not look.waits(found):
            return done
    done = msgspec.structs.replace(done, follows=done.ahead.yes(only) if word.approved else done.ahead.no())
    return done if dry_run else _hand_over(settings, done, word, only, kafka=kafka)


def _hand_over(
    settings: Settings, done: Done, word: Word, only: tuple[str, ...] | None, *, kafka: bool
) -> Done:
    found = done.review
    event = resolved(
        found.order_id,
        found.review_id,
        done.ahead.at.now,
        approved=word.approved,
        by=word.by.strip(),
        note=word.note.strip(),
        remedies=only,
    )
    verdicts: Verdicts = TopicVerdicts(settings) if kafka else FolderVerdicts(settings.data)
    if not verdicts.leave(event):
        return msgspec.structs.replace(
            done, follows=None, says="somebody decided it a moment ago, and the first word counts"
        )
    taken = None if kafka else take(settings)
    return msgspec.structs.replace(done, handed_over=True, taken=taken)


def tell(done: Done, word: Word, *, dry_run: bool, as_json: bool) -> int:
    """Print what became of a word; return the exit code: 1 when the review was decided before."""
    if as_json:
        print_document(_document(done, word, dry_run=dry_run))
    elif done.follows is None:
        click.echo(f"nothing was done about {done.review.review_id}: {done.says}")
    else:
        _tell(done, done.follows, word, dry_run=dry_run)
    return 1 if done.follows is None else 0


def _tell(done: Done, found: Foresight, word: Word, *, dry_run: bool) -> None:
    named = f"{done.review.review_id} of {done.review.order_id}"
    if dry_run:
        click.echo(f"would have {named} {word.verb} by {word.by}; nothing was done")
    else:
        ends = f"; {done.taken.says()}" if done.taken is not None else "; the ingest worker takes it"
        click.echo(f"{named} is {word.verb} by {word.by}{ends}")
    click.echo("")
    if not done.ahead.at.is_asked:
        click.echo(asking.ASKED_OTHERWISE)
        return
    for line in follows("what follows", found, names_of(done.ahead.at)):
        click.echo(line)


def _document(done: Done, word: Word, *, dry_run: bool) -> dict[str, Any]:
    names = names_of(done.ahead.at)
    return {
        "dry_run": dry_run,
        "done": done.handed_over,
        "approved": word.approved,
        "by": word.by,
        "note": word.note or None,
        "review": plain_review(done.review, done.says),
        "follows": plain_follows(done.follows, names) if done.follows is not None else None,
        "taken": done.taken,
    }


def _refuse_nobody(word: Word) -> None:
    for option, text, most in (("--by", word.by, LONGEST_NAME), ("--note", word.note, LONGEST_NOTE)):
        if (option == "--by" and not text.strip()) or len(text) > most:
            raise UsageProblem(
                "decider-unclear",
                "a decision bears the name of whoever took it"
                if not text.strip()
                else f"{option} is too long",
                where=option,
                why=f"it is kept with the order, in up to {most:,} characters",
                hint="write --by and a name by which others know you, such as --by mo",
            )
