"""What the console counts for each wording: by hand, from a ledger and a journal in which everything happened once."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from streams.codec.blocks import to_entry
from streams.core import events as facts
from streams.core.money import Money
from streams.embedded.journal import LoggedDecision
from streams.mail import ledger as rules
from streams.mail.ledger import Swap
from streams.mail.ledger_sql import open_ledger
from streams.mail.outcomes import Accepted, Permanent
from streams.ops.read_model import mails as ledger_side
from streams.ops.read_model.follow import open_tables
from streams.ops.read_model.portions import Heard, Portion
from streams.ops.read_model.projector import Projector
from streams.ops.read_model.reading import open_reading
from streams.ops.read_model.shapes import VariantCount
from streams.pipeline.ports import Pin
from streams.storage.engine import open_engine
from streams.web.pages.variants import share, trials
from tests.builders import FRIDAY, HOUR, event
from tests.mail_builders import queued


class Shop:
    """A ledger and tables that take one thing at a time."""

    def __init__(self, place, ledger):
        self.place = ledger
        self.ledger = open_ledger(ledger)
        self._engine = open_tables(place)
        self._projector = Projector(self._engine)
        self.reading = open_reading(place, ledger=ledger)
        self._number = 0

    def mail(self, name, variant, *, case=None, at=FRIDAY, template="lost", end=None):
        """A mail in one wording, to its end; its order is its case's."""
        case = case or name
        message = msgspec.structs.replace(
            queued(name, template=template, case_id=f"case_{case}"), order_id=f"ORD-{case}"
        )
        row = rules.claimed(message, at, "shop", 1, Pin("v1", variant))
        sending = msgspec.structs.replace(row, state="sending", updated_at=at)
        ended = rules.settled(sending, end or Accepted(reply="250 ok"), at)
        self.ledger.write([row])
        for old, new in ((row, sending), (sending, ended)):
            assert self.ledger.write(swaps=[Swap(old=old, new=new)]).swaps == (True,)

    def hear(self, fact, at):
        """Something came in about an order."""
        self._number += 1
        one = Heard(self._number, 0, to_entry(event(fact, at, identity=f"evt-{self._number}")))
        self._write(heard=[one])

    def learn(self, fact):
        """Something came of a decision."""
        self._number += 1
        one = LoggedDecision(
            number=self._number, id=f"out_{self._number}", type=fact.TYPE, now=FRIDAY, fact=fact
        )
        self._write(decided=[one])

    def _write(self, **parts):
        before = self._projector.reached()
        assert self._projector.write(Portion(reached={("journal", 0): self._number}, **parts), before)

    def close(self):
        self.reading.close()
        self.ledger.close()
        self._engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request, tmp_path):
    if request.param == "postgresql":
        place = ledger = request.getfixturevalue("postgres")
    else:
        place, ledger = str(tmp_path / "readmodel.sqlite"), str(tmp_path / "ledger.sqlite")
    made = Shop(place, ledger)
    yield made
    made.close()


def reported(case):
    return facts.CustomerReported(order_id=f"ORD-{case}", kind="not_received")


def returned(case, number):
    return facts.ReturnCheckpoint(order_id=f"ORD-{case}", return_id=f"ret_{number}", status="in_transit")


def label(case):
    return facts.ReturnLabelIssued(
        order_id=f"ORD-{case}",
        case_id=f"case_{case}",
        return_id=f"ret_{case}",
        label_id=f"label_{case}",
        carrier="UPS",
        tracking_number=f"1Z{case}",
        cost=Money(minor=0, currency="USD"),
    )


def only(shop):
    (row,) = shop.reading.variants().rows
    return row


def test_nothing_is_counted_where_there_is_one_wording(shop):
    """Mails without a variant stand in no row."""
    shop.mail("one", "")

    assert shop.reading.variants().rows == ()


def test_messages_and_wordings_are_told_apart(shop):
    """Each in its row, by name."""
    for name, variant, template in (
        ("1", "b", "lost"),
        ("2", "a", "lost"),
        ("3", "a", "damaged"),
        ("4", "b", "lost"),
    ):
        shop.mail(name, variant, template=template)

    rows = shop.reading.variants().rows

    assert [(row.template, row.variant, row.mails, row.cases) for row in rows] == [
        ("damaged", "a", 1, 1),
        ("lost", "a", 1, 1),
        ("lost", "b", 2, 2),
    ]


def test_a_mail_that_reached_nobody_makes_no_case(shop):
    """Refused by the relay, or come back afterwards: what the words did cannot be seen there."""
    shop.mail("ok", "b")
    shop.mail("no", "b", end=Permanent(code=550, enhanced="5.2.2", text="550 5.2.2 full", suppress=False))
    shop.mail("back", "b")
    shop.learn(
        facts.MessageBounced(
            order_id="ORD-back",
            message_id="back",
            case_id="case_back",
            template="lost",
            locale="en",
            to_hash="h",
            attempt=1,
        )
    )

    assert only(shop) == VariantCount(
        template="lost", variant="b", mails=3, accepted=2, refused=1, bounced=1, cases=2
    )


def test_only_what_came_after_the_mail_counts(shop):
    """Who wrote before it was the reason for it; who wrote after it had not read what they needed."""
    shop.mail("before", "b", at=FRIDAY)
    shop.mail("after", "b", at=FRIDAY)
    shop.mail("never", "b", at=FRIDAY)
    shop.hear(reported("before"), FRIDAY - HOUR)
    shop.hear(reported("after"), FRIDAY - HOUR)
    shop.hear(reported("after"), FRIDAY + HOUR)

    assert (only(shop).cases, only(shop).reported) == (3, 1)


def test_a_case_that_needed_another_mail_is_counted_once(shop):
    """By the first mail of the message in the case; a mail of the same moment is no later one."""
    shop.mail("first", "b", case="x", at=FRIDAY)
    shop.mail("again", "b", case="x", at=FRIDAY + HOUR)
    shop.mail("other", "", case="x", at=FRIDAY + 2 * HOUR, template="replacement_update")
    shop.mail("alone", "b", case="y", at=FRIDAY)
    shop.mail("earlier", "", case="z", at=FRIDAY - HOUR, template="late_delivery")
    shop.mail("last", "b", case="z", at=FRIDAY)

    row = only(shop)

    assert (row.mails, row.cases, row.written_again) == (4, 3, 1)


def test_labels_are_counted_where_there_were_any(shop):
    """Of three cases two had a label, and one of those was used; one that moved before the mail is none of its doing."""
    for case in ("used", "lying", "none"):
        shop.mail(case, "b", at=FRIDAY)
    for case in ("used", "lying"):
        shop.learn(label(case))
    shop.hear(returned("used", 1), FRIDAY + 24 * HOUR)
    shop.hear(returned("lying", 2), FRIDAY - HOUR)

    row = only(shop)

    assert (row.cases, row.labels, row.labels_used) == (3, 2, 1)


def test_more_cases_than_one_question_holds(shop):
    """Portions are put together again."""
    for number in range(7):
        shop.mail(str(number), "b")
        shop.hear(reported(str(number)), FRIDAY + HOUR)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.ops.read_model.variants._AT_ONCE", 3)
        row = only(shop)

    assert (row.cases, row.reported) == (7, 7)


def test_a_page_counts_the_newest_mails_and_says_so(shop, monkeypatch):
    """What is older is told apart from what is not there."""
    for number in range(5):
        shop.mail(str(number), "b", at=FRIDAY + timedelta(minutes=number))
    monkeypatch.setattr("streams.ops.read_model.variants.MOST_VARIED", 3)
    newest = shop.reading._mails.varied(3)
    monkeypatch.setattr(shop.reading._mails, "varied", lambda: newest)

    found = shop.reading.variants()

    assert (found.counted, found.rows[0].mails) == (3, 3)
    assert {one.message_id for one in newest} == {"2", "3", "4"}


def test_a_ledger_of_an_older_program_has_no_wordings(tmp_path):
    """A console that was upgraded first shows an empty page, and no error."""
    path = str(tmp_path / "ledger.sqlite")
    engine = open_engine(path)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE mail_ledger (message_id VARCHAR(256) PRIMARY KEY)")
    engine.dispose()
    mails = ledger_side.Mails(path)

    assert mails.varied() == []
    assert mails.written_last() == {}
    mails.close()


def test_no_ledger_at_all_has_none_either(tmp_path):
    """A mail was never sent."""
    assert ledger_side.Mails(str(tmp_path / "nowhere.sqlite")).varied() == []


# ---------------------------------------------------------------------------- what the page makes of it


def test_a_share_has_the_range_that_was_published_for_it():
    """Wilson's interval at 95 %: 10 of 100, none of 10, and nothing of nothing."""
    ten, none, empty = share(10, 100), share(0, 10), share(0, 0)

    assert [round(one, 1) for one in (ten.percent, ten.low, ten.high)] == [10.0, 5.5, 17.4]
    assert [round(one, 1) for one in (none.percent, none.low, none.high)] == [0.0, 0.0, 27.8]
    assert (empty.low, empty.high) == (0.0, 100.0)


@pytest.mark.parametrize(("good", "says"), [(41, ("who wrote to us",)), (80, ())])
def test_a_difference_is_called_one_only_where_chance_rarely_makes_it(good, says):
    """23 % beside 10 % of some four hundred is one; 23 % beside 20 % is not."""
    rows = (
        VariantCount(template="lost", variant="a", mails=400, accepted=400, cases=400, reported=92),
        VariantCount(template="lost", variant="b", mails=400, accepted=400, cases=400, reported=good),
    )

    (trial,) = trials(rows)

    assert trial.telling == says
