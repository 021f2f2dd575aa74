"""The console's questions, each answered in a few milliseconds with a million orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, select

from streams.core.policy import Policy
from streams.ops.foresight import Foresight, foresee, retold
from streams.ops.read_model import answers, questions, story, tables, variants
from streams.ops.read_model.answers import DAYS
from streams.ops.read_model.costs import By, Costs, add_up
from streams.ops.read_model.mails import Mails
from streams.ops.read_model.rows import ReviewState
from streams.ops.read_model.shapes import (
    Found,
    HeldMail,
    Ledger,
    LedgerState,
    LetterRow,
    Letters,
    LetterWhole,
    OpenCase,
    OpenReview,
    OrderStory,
    Page,
    Reach,
    Today,
    Variants,
)
from streams.ops.timeline import tell
from streams.pipeline.ports import Renderer
from streams.pipeline.story import World, kind_world
from streams.problems import Problem, UsageProblem, WorldProblem
from streams.storage.engine import open_engine

_NEAREST = 3
_CHECKED = 500  # mails in doubt that the ledger is asked about; more of them are a fault of their own
_review = msgspec.msgpack.Decoder(ReviewState).decode


class Reading:
    """Answers out of the tables; safe to share between threads. Made by :func:`open_reading`.

    It is what ``streams.web.ports.Reading`` asks for, with the structs of :mod:`streams.ops.read_model.shapes`.
    Everything may raise ``WorldProblem`` (``read-model-unusable``) when the database does not answer.
    """

    def __init__(self, engine: Engine, mails: Mails, policy: Policy | None = None) -> None:
        self._engine = engine
        self._mails = mails
        self._policy = policy

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
        self._mails.close()

    # ------------------------------------------------------------------------ the first page

    def today(self) -> Today:
        """Return the counters of the first page."""
        with self._asking() as db:
            gauges = self._gauges(db)
            now = questions.now(db)
            hours = questions.hours(db, now) if now is not None else {}
        days = tuple(now.date() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)) if now else ()
        today = days[-1] if days else None
        return Today(
            now=now,
            orders=gauges.get("orders", 0),
            events_today=answers.on(hours, "events", today),
            mails_today=answers.on(hours, "message.accepted", today),
            open_cases=gauges.get("open_cases", 0),
            reviews=gauges.get("reviews", 0),
            held=gauges.get("message.held", 0),
            dead_letters=gauges.get("letters", 0),
            parked=gauges.get("parked", 0),
            in_doubt=gauges.get("message.in_doubt", 0),
            kinds=answers.kinds(gauges, hours, days, now),
            days=days,
            told=tuple(answers.on(hours, "message.accepted", day) for day in days),
        )

    # ------------------------------------------------------------------------ cases and orders

    def open_cases(self, kind: str | None, page: int) -> Page[OpenCase]:
        """Return cases with something open, the longest standing first; of one kind, or all."""
        query = questions.case_ids() if kind is None else questions.case_ids_of(kind)
        with self._asking() as db:
            ids, more = questions.cut(db.execute(questions.paged(query, page)).scalars())
            total = questions.gauges(db).get("open_cases" if kind is None else f"open.{kind}", 0)
            found = {row["case_id"]: answers.open_case(row) for row in questions.cases(db, ids)}
        rows = tuple(found[one] for one in ids if one in found)
        return Page(rows=rows, more=more, total=total)

    def search(self, text: str) -> tuple[Found, ...]:
        """Return orders by id, beginning of an id, tracking number, address or message id; 50 at most."""
        wanted = tables.clean(text.strip())
        with self._asking() as db:
            named = story.find(db, wanted)
            if named is None:
                return ()
            by, ids = named
            query = select(tables.ORDERS).where(tables.ORDERS.c.order_id.in_(ids))
            rows = {row["order_id"]: row for row in db.execute(query).mappings()}
        return tuple(answers.found(one, by, rows.get(one)) for one in ids)

    def nearest(self, text: str) -> tuple[str, ...]:
        """Return up to three orders whose ids begin as ``text`` does, for a hint."""
        wanted = tables.clean(text.strip())
        with self._asking() as db:
            while wanted:
                if found := story.beginning(db, wanted, _NEAREST):
                    return tuple(found)
                wanted = wanted[:-1]
        return ()

    def order(self, order_id: str) -> OrderStory | None:
        """Return what is known about an order, or None where nothing is."""
        wanted = tables.clean(order_id)
        with self._asking() as db:
            known = story.known(db, wanted)
            if known is None:
                return None
            row = questions.order(db, wanted)
            ids = story.message_ids(known)
            letters = story.letters(db, ids)
        rows = self._mails.find(ids)
        mails = {message_id: found.mail for message_id, found in rows.items()}
        return OrderStory(
            timeline=tell(msgspec.structs.replace(known, mails=mails), self._policy),
            messages=tuple(letters[one] for one in ids if one in letters),
            pins={message_id: found.pin for message_id, found in rows.items() if found.pin.version},
            country=row["country"] or None if row else None,
            placed_at=tables.moment_of(row["placed_at"]) if row else None,
            open_kinds=tuple(row["open_kinds"].split()) if row else (),
        )

    def words(self, version: str) -> bytes | None:
        """Return what the ledger kept of a version of the words; None where it kept nothing."""
        return self._mails.words(version)

    # ------------------------------------------------------------------------ what waits for a person

    def reviews(self, page: int) -> Page[OpenReview]:
        """Return reviews that wait for a person, the longest waiting first."""
        table = tables.REVIEWS
        query = select(table.c.review_id).where(table.c.standing == "open")
        with self._asking() as db:
            ids, more = questions.cut(
                db.execute(
                    questions.paged(query.order_by(table.c.asked_at, table.c.review_id), page)
                ).scalars()
            )
            rows = tuple(self._reviews(db, ids))
            return Page(rows=rows, more=more, total=questions.gauges(db).get("reviews", 0))

    def review(self, review_id: str) -> OpenReview | None:
        """Return one open review; None where it is resolved or never was."""
        with self._asking() as db:
            return next(self._reviews(db, [tables.clean(review_id)]), None)

    def ahead(self, review_id: str, renderer: Renderer, world: World = kind_world) -> Foresight | None:
        """Return what would follow from a yes to an open review, in words of ``renderer``.

        None where it is not open, or where today's policy would not ask.
        """
        with self._asking() as db:
            state = next(iter(self._open(db, [tables.clean(review_id)]).values()), None)
            known = story.known(db, state.order_id) if state is not None else None
            now = questions.now(db)
        if state is None or known is None or now is None or self._policy is None:
            return None
        at = retold(known.events, answers.question(state), self._policy, now)
        if not at.is_asked:
            return None
        subject = self._mails.first_subject(state.case_id)
        return foresee(at, self._policy, renderer, approved=True, first_subject=subject, world=world)

    def _open(self, db: Connection, ids: Sequence[str]) -> dict[str, ReviewState]:
        table = tables.REVIEWS
        query = select(table.c.state).where(table.c.review_id.in_(ids), table.c.standing == "open")
        return {one.review_id: one for one in map(_review, db.execute(query).scalars())}

    def _reviews(self, db: Connection, ids: Sequence[str]) -> Iterator[OpenReview]:
        states = self._open(db, ids)
        troubles = questions.troubles(db, {one for state in states.values() for one in state.exception_ids})
        for one in ids:
            if one in states:
                yield answers.open_review(states[one], troubles)

    def held(self, page: int) -> Page[HeldMail]:
        """Return mails that wait in their orders, the longest waiting first."""
        with self._asking() as db:
            states, more = questions.standing(db, ("held",), page)
            total = questions.gauges(db).get("message.held", 0)
        return Page(rows=tuple(map(answers.held, states)), more=more, total=total)

    def ledger(self, page: int) -> Ledger:
        """Return how the mails stand, and which are in doubt or were refused."""
        with self._asking() as db:
            gauges = self._gauges(db)
            states = tuple(
                LedgerState(
                    state=name.partition(".")[2],
                    count=count,
                    oldest=questions.oldest(db, name.partition(".")[2]),
                )
                for name, count in sorted(gauges.items())
                if name.startswith("message.") and count
            )
            doubtful, more = questions.standing(db, questions.DOUBTFUL, page)
        rows = self._mails.find([one.message_id for one in doubtful])
        shown = (answers.doubtful(one, rows.get(one.message_id)) for one in doubtful)
        total = sum(gauges.get(f"message.{state}", 0) for state in questions.DOUBTFUL)
        return Ledger(states=states, doubtful=Page(rows=tuple(filter(None, shown)), more=more, total=total))

    def variants(self) -> Variants:
        """Return what became of each wording that was tried, message by message."""
        mails = self._mails.varied()
        with self._asking() as db:
            return variants.count(db, mails, self._mails.written_last())

    def costs(self, by: By, home: str, since: datetime | None = None) -> Costs:
        """Return what remedies cost, by one of their sides; ``home`` is the country where parcels start."""
        with self._asking() as db:
            return add_up(db, by, home, since)

    # ------------------------------------------------------------------------ what was not understood

    def letters(self, code: str | None, page: int) -> Letters:
        """Return dead letters, the newest first; of one code, or all; and the scans that wait."""
        table = tables.DEAD_LETTERS
        columns = [table.c[name] for name in LetterRow.__struct_fields__]
        query = select(*columns).order_by(table.c.at.desc(), table.c.id.desc())
        if code is not None:
            query = query.where(table.c.code == tables.clean(code))
        with self._asking() as db:
            found, more = questions.cut(db.execute(questions.paged(query, page)).mappings())
            groups = tuple(questions.groups(db))
            scans = questions.parked_page(db)
        rows = tuple(msgspec.convert(answers.plain(row), LetterRow) for row in found)
        total = sum(group.count for group in groups if code in {None, group.code})
        return Letters(groups=groups, page=Page(rows=rows, more=more, total=total), parked=scans)

    def letter(self, letter_id: str) -> LetterWhole | None:
        """Return one dead letter."""
        query = select(tables.DEAD_LETTERS).where(tables.DEAD_LETTERS.c.id == tables.clean(letter_id))
        with self._asking() as db:
            row = db.execute(query).mappings().first()
        return None if row is None else answers.whole(row)

    # ------------------------------------------------------------------------ inside

    def reach(self) -> tuple[Reach, ...]:
        """Return how far the history was read into the tables."""
        with self._asking() as db:
            query = select(tables.PROGRESS).order_by(*tables.PROGRESS.primary_key.columns)
            return tuple(Reach(**answers.plain(row)) for row in db.execute(query).mappings())

    def _gauges(self, db: Connection) -> dict[str, int]:
        """Return how many there are of everything; of mails in doubt as many as the ledger says.

        What a person decides stands there first, and on one machine the fold never hears of it.
        """
        gauges = questions.gauges(db)
        doubtful = questions.doubtful(db, _CHECKED)
        rows = self._mails.find([one.message_id for one in doubtful])
        for one in doubtful:
            state = rows[one.message_id].mail.state if one.message_id in rows else one.standing
            if state != one.standing:
                gauges[f"message.{one.standing}"] -= 1
                gauges[f"message.{state}"] = gauges.get(f"message.{state}", 0) + 1
        return gauges

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        with tables.telling(self._engine), self._engine.connect() as connection:
            yield connection


def open_reading(place: str, *, ledger: str | None = None, policy: Policy | None = None) -> Reading:
    """Open the read model at a path of a SQLite file or a SQLAlchemy URL; ``ledger`` names the mail ledger's.

    With today's ``policy``, stories say whether it would decide the same.

    Raises:
        UsageProblem: ``read-model-absent``: nobody has filled it yet; ``storage-url``.
        WorldProblem: ``read-model-unusable``, or ``read-model-shape``: another version of the program filled it.
    """
    if "://" not in place and not Path(place).exists():
        raise _absent(place)
    engine = open_engine(place, synchronous="NORMAL")
    try:
        with tables.telling(engine):
            found, wanted = tables.stands(engine), tables.shape(engine)
        where = engine.url.render_as_string(hide_password=True)
        if found is None:
            raise _absent(where)
        if found != wanted:
            raise WorldProblem(
                "read-model-shape",
                "another version of this program has filled the read model",
                where=where,
                why=f"its shape is {found}, and this version reads {wanted}",
                hint="start `firstword console` of this version: it fills the read model anew",
            )
    except Problem:
        engine.dispose()
        raise
    return Reading(engine, Mails(ledger), policy)


def _absent(where: str) -> UsageProblem:
    return UsageProblem(
        "read-model-absent",
        "there is no read model yet",
        where=where,
        hint="start `firstword console`, which fills it and keeps it up to date",
    )
