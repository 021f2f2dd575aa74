"""Cases, reviews and mails that a simulated week rarely makes: asked anew, overtaken, twice the same, made good."""

from datetime import timedelta

import msgspec
import pytest

from streams.codec.blocks import to_entry
from streams.core import events as facts
from streams.core.events import Evidence
from streams.core.ids import identify
from streams.core.money import Money
from streams.embedded.journal import LoggedDecision
from streams.mail import ledger as rules
from streams.mail.ledger import Swap
from streams.mail.ledger_sql import open_ledger
from streams.ops.read_model.follow import open_tables
from streams.ops.read_model.portions import Heard, Portion
from streams.ops.read_model.projector import Projector
from streams.ops.read_model.reading import open_reading
from streams.ops.timeline import Known, tell
from tests.builders import FRIDAY, HOUR, ORDER, event, placed
from tests.mail_builders import queued

CASE = identify("case", ORDER)


class Desk:
    """Tables that take one fact at a time."""

    def __init__(self, folder):
        place = str(folder / "readmodel.sqlite")
        self.ledger = str(folder / "ledger.sqlite")
        self._engine = open_tables(place)
        self._projector = Projector(self._engine)
        self.reading = open_reading(place, ledger=self.ledger)
        self.decided = []
        self._number = 0

    def decide(self, *told):
        for fact in told:
            self._number += 1
            now = FRIDAY + self._number * HOUR
            one = LoggedDecision(number=self._number, id=fact.decision_id, type=fact.TYPE, now=now, fact=fact)
            self.decided.append(one)
            self._write(decided=[one])

    def learn(self, fact):
        """Take what came of a mail."""
        self._number += 1
        now = FRIDAY + self._number * HOUR
        one = LoggedDecision(
            number=self._number, id=f"out_{self._number}", type=fact.TYPE, now=now, fact=fact
        )
        self._write(decided=[one])

    def hear(self, *told):
        for one in told:
            self._number += 1
            self._write(heard=[Heard(self._number, 0, to_entry(one))])

    def _write(self, **parts):
        before = self._projector.reached()
        assert self._projector.write(Portion(reached={("journal", 0): self._number}, **parts), before)

    def close(self):
        self.reading.close()
        self._engine.dispose()

    def reviews(self):
        return [one.review_id for one in self.reading.reviews(0).rows]


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.close()


def opened(number, kind="lost", order_id=ORDER, case_id=CASE, **more):
    return facts.ExceptionOpened(
        order_id=order_id,
        decision_id=f"dec_{number}",
        exception_id=f"exc_{number}",
        case_id=case_id,
        kind=kind,
        subject=f"BOX-{number}",
        severity="major",
        since=FRIDAY + timedelta(minutes=number),
        evidence=(Evidence(event_id="evt-1", reads=f"the carrier lost BOX-{number}"),),
        **more,
    )


def cleared(number, kind="lost"):
    return facts.ExceptionCleared(
        order_id=ORDER,
        decision_id=f"dec_cleared_{number}",
        exception_id=f"exc_{number}",
        case_id=CASE,
        kind=kind,
        subject=f"BOX-{number}",
        severity="major",
    )


def asked(name, *numbers):
    return facts.ReviewRequested(
        order_id=ORDER,
        decision_id=f"dec_{name}",
        case_id=CASE,
        review_id=f"rev_{name}",
        reason="budget",
        exception_ids=tuple(f"exc_{number}" for number in numbers),
        remedies=("expedited_replacement",),
        cost=Money(minor=4200, currency="USD"),
    )


def answered(name, *, approved=True):
    return event(facts.ReviewResolved(order_id=ORDER, review_id=f"rev_{name}", approved=approved, by="mo"))


def test_a_review_whose_trouble_is_over_waits_for_nobody(desk):
    """The parcel came after all, while a person still thought about it."""
    desk.decide(opened(1), opened(2), asked("box", 1, 2))
    desk.decide(cleared(1))
    assert desk.reviews() == ["rev_box"]
    desk.decide(cleared(2))

    assert desk.reviews() == []
    assert desk.reading.today().reviews == 0
    assert desk.reading.review("rev_box") is None


def test_a_review_that_was_asked_anew_waits_once(desk):
    """More is missing than was thought: what was asked before needs no answer."""
    desk.decide(opened(1), asked("one", 1), asked("more", 1))

    assert desk.reviews() == ["rev_more"]
    assert desk.reading.today().reviews == 1


def test_a_review_is_answered_once_whether_the_answer_was_read_before_or_after(desk):
    """The journal and the decisions are two streams."""
    desk.decide(opened(1), opened(2), asked("later", 1))
    desk.hear(answered("later"), answered("sooner", approved=False))
    assert desk.reviews() == []
    desk.decide(asked("sooner", 2))

    assert desk.reviews() == []
    assert desk.reading.today().reviews == 0


def expired(name, outcome="words_only"):
    return facts.ReviewExpired(
        order_id=ORDER,
        decision_id=f"dec_expired_{name}",
        case_id=CASE,
        review_id=f"rev_{name}",
        outcome=outcome,
        by="the policy standard",
    )


def test_a_review_that_nobody_answered_in_time_waits_for_nobody(desk):
    """The policy spoke; a person's word behind it changes nothing."""
    desk.decide(opened(1), asked("late", 1), expired("late"))
    desk.hear(answered("late"))

    assert desk.reviews() == []
    assert desk.reading.today().reviews == 0


def test_a_review_says_what_it_is_about(desk):
    """Kinds and evidence of the exceptions, and the cost."""
    desk.decide(opened(1), opened(2, kind="damaged"), asked("both", 1, 2))
    (review,) = desk.reading.reviews(0).rows

    assert review.kinds == ("lost", "damaged")
    assert review.evidence == ("the carrier lost BOX-1", "the carrier lost BOX-2")
    assert review.cost == Money(minor=4200, currency="USD")


def test_a_case_with_the_same_trouble_twice_is_listed_once(desk):
    """By the older of the two; when that is over, by the other one."""
    desk.decide(opened(2), opened(1))
    (case,) = desk.reading.open_cases("lost", 0).rows
    assert (case.case_id, case.kinds, case.since) == (CASE, ("lost",), FRIDAY + timedelta(minutes=1))
    desk.decide(cleared(1))
    (case,) = desk.reading.open_cases("lost", 0).rows

    assert case.since == FRIDAY + timedelta(minutes=2)
    assert desk.reading.today().open_cases == 1
    desk.decide(cleared(2))
    assert desk.reading.open_cases("lost", 0).rows == ()
    assert desk.reading.open_cases(None, 0).rows == ()
    assert desk.reading.today().open_cases == 0


def test_a_case_is_called_by_its_first_order_whichever_is_read_first(desk):
    """A replacement lives in another partition, and belongs to the case of what it makes good."""
    desk.decide(opened(7, order_id="ORD-R1"), opened(1))
    (case,) = desk.reading.open_cases(None, 0).rows

    assert case.order_id == ORDER


def test_the_story_leaves_out_reviews_that_nobody_need_answer(desk):
    """Those that are over, and those that were asked anew."""
    desk.decide(opened(1), asked("one", 1), asked("more", 1), opened(2), asked("two", 2), cleared(2))
    standing = " ".join(tell(Known(order_id=ORDER, decisions=tuple(desk.decided))).standing)

    assert "rev_more waits" in standing
    assert "rev_one" not in standing
    assert "rev_two" not in standing


def test_an_order_that_is_told_twice_is_one(desk):
    """The second copy of an event has the same source and id."""
    first = event(placed(), identity="evt-placed")
    desk.hear(first, first)

    assert desk.reading.today().orders == 1
    assert len(desk.reading.order(ORDER).timeline.entries) == 1


def test_the_ledger_has_the_last_word_about_mails_in_doubt(desk):
    """A person has looked into the mailbox; on one machine the fold never hears of it."""
    for name in ("msg_found", "msg_lost"):
        desk.learn(in_doubt(name))
    before = desk.reading.today().in_doubt, len(desk.reading.ledger(0).doubtful.rows)
    ledger = open_ledger(desk.ledger)
    row = rules.claimed(queued("msg_found"), FRIDAY, "a", 1)
    ledger.write([row])
    for state in ("sending", "in_doubt", "accepted"):
        changed = msgspec.structs.replace(row, state=state)
        assert ledger.write(swaps=[Swap(old=row, new=changed)]).swaps == (True,)
        row = changed
    ledger.close()
    told = desk.reading.ledger(0)

    assert before == (2, 2)
    assert desk.reading.today().in_doubt == 1
    assert [mail.message_id for mail in told.doubtful.rows] == ["msg_lost"]
    assert {one.state: one.count for one in told.states} == {"accepted": 1, "in_doubt": 1}


def in_doubt(message_id):
    return facts.MessageInDoubt(
        order_id=ORDER, message_id=message_id, case_id=CASE, template="lost", locale="en", to_hash="h"
    )
