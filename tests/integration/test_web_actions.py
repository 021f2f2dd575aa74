"""What the console gets done, without its pages: mails settled once, verdicts left once, backtests one at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.core.events import MessageQueued, ReviewResolved
from streams.embedded.inbox import look
from streams.mail import ledger as rules
from streams.mail.ledger import Swap
from streams.mail.ledger_sql import open_ledger
from streams.ops.verdicts import FolderVerdicts, TopicVerdicts, resolved
from streams.pipeline.ports import Record
from streams.problems import UsageProblem
from streams.settings import load
from streams.sources.native.adapter import SOURCE
from streams.web.actions import RealDeeds
from streams.web.backtesting import Backtests
from streams.web.ports import Variant
from tests.web_shop import eventually

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
PATIENT = Variant(name="patient", changes=("detect.late_delivery.major_days=5",))


def deeds(folder, *, kafka=False):
    backtests = Backtests(folder, ["--data", str(folder)], lambda: LATER)
    settings = load({}, data=folder)
    return RealDeeds(settings, backtests, lambda: LATER, kafka=kafka, taken=lambda: None)


def message(message_id="msg_1"):
    return MessageQueued(
        order_id="ORD-1",
        decision_id=f"dec_{message_id}",
        message_id=message_id,
        case_id="cas_1",
        template="lost",
        locale="en",
        to_hash="abc",
    )


@pytest.fixture
def ledger(tmp_path):
    one = open_ledger(str(tmp_path / "ledger.sqlite"))
    yield one
    one.close()


def stand(ledger, *states):
    """Bring a mail to the last of these states, one after the other."""
    row = rules.claimed(message(), NOW, "test", 1)
    ledger.write(claims=[row])
    for state in states:
        new = msgspec.structs.replace(row, state=state, reply="the relay's word")
        assert ledger.write(swaps=[Swap(old=row, new=new)]).swaps == (True,)
        row = new
    return row


def test_a_mail_that_went_out_is_accepted_and_its_letter_forgotten(tmp_path, ledger):
    """Nothing personal stays behind, and the evidence stands in place of the relay's word."""
    stand(ledger, "sending", "in_doubt")

    assert deeds(tmp_path).settle("msg_1", "arrived", by="Ada", evidence="log of ines@example.com")

    row = ledger.find("msg_1")
    assert (row.state, row.letter, row.updated_at, row.untold_since) == ("accepted", None, LATER, LATER)
    assert row.reply.startswith("found delivered by Ada: log of ")
    assert "ines@example.com" not in row.reply


@pytest.mark.parametrize("kafka", [True, False])
def test_whoever_looks_after_the_ledger_hears_of_it(tmp_path, ledger, kafka):
    """The effects worker's rounds, or the run's next look, tell the fold what nobody has told yet."""
    stand(ledger, "sending", "in_doubt")

    assert deeds(tmp_path, kafka=kafka).settle("msg_1", "arrived", by="Ada", evidence="x")

    assert [row.message_id for row in ledger.untold(LATER)] == ["msg_1"]


@pytest.mark.parametrize("before", [("sending", "in_doubt"), ("sending", "refused")])
def test_a_mail_is_sent_again_as_if_it_were_queued_now(tmp_path, ledger, before):
    """Due at once, with a day to try, under the same id."""
    stand(ledger, *before)

    assert deeds(tmp_path, kafka=True).settle("msg_1", "send_again", by="Ada", evidence="not in the log")

    (row,) = ledger.due(LATER)
    assert (row.message_id, row.queued_at, row.letter is not None) == ("msg_1", LATER, True)


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        (("sending", "accepted"), "send_again"),
        (("sending", "accepted"), "arrived"),
        (("sending", "refused"), "arrived"),
        (("sending",), "send_again"),
        (("withdrawn",), "send_again"),
    ],
)
def test_what_is_not_in_doubt_is_left_alone(tmp_path, ledger, before, verdict):
    """Nobody writes to a customer twice from here."""
    row = stand(ledger, *before)

    assert not deeds(tmp_path).settle("msg_1", verdict, by="Ada", evidence="x")
    assert not deeds(tmp_path).settle("msg_nobody", verdict, by="Ada", evidence="x")
    assert ledger.find("msg_1") == row


def test_of_several_people_one_settles_it(tmp_path, ledger):
    """Whoever comes second is told that it was settled."""
    stand(ledger, "sending", "in_doubt")
    one = deeds(tmp_path)

    def settle(number):
        verdict = "arrived" if number % 2 else "send_again"
        return one.settle("msg_1", verdict, by=f"P{number}", evidence="x")

    with ThreadPoolExecutor(8) as crowd:
        won = list(crowd.map(settle, range(8)))

    # A mail that was reopened is in doubt no more, and one that is accepted stays so.
    assert won.count(True) == 1
    assert f" by P{won.index(True)}:" in ledger.find("msg_1").reply


def test_the_first_verdict_about_a_review_counts(tmp_path):
    """The second one, whatever it says, is the same event and is not left again."""
    verdicts = FolderVerdicts(tmp_path)
    yes = resolved("ORD-1", "rev_1", NOW, approved=True, by="Ada", note="our mistake")
    no = resolved("ORD-1", "rev_1", LATER, approved=False, by="Ben", note="")

    assert [verdicts.leave(yes), verdicts.leave(no), verdicts.leave(yes)] == [True, False, False]
    assert [(one.source, one.place) for one in look(tmp_path)] == [("native", "console")]
    assert yes.id == no.id


def test_a_verdict_comes_in_like_any_event_of_ours(tmp_path):
    """It is a published fact in its envelope: any front door takes it."""
    from streams.codec.envelope import encode_envelope

    raw = encode_envelope(resolved("ORD-1", "rev_1", NOW, approved=False, by="Ada", note=""))

    (incoming,) = SOURCE.translate(Record(source="native", place="x", position=0, raw=raw))

    assert incoming.fact == ReviewResolved(order_id="ORD-1", review_id="rev_1", approved=False, by="Ada")
    assert (incoming.order_id, incoming.source, incoming.occurred_at) == ("ORD-1", "firstword/console", NOW)


def test_without_a_topic_of_ours_a_verdict_cannot_be_handed_over():
    """Said before anything is lost, with the setting to change."""
    with pytest.raises(UsageProblem) as caught:
        TopicVerdicts(load({}, topics="hooks=shopify")).leave(
            resolved("ORD-1", "rev_1", NOW, approved=True, by="Ada", note="")
        )

    assert (caught.value.code, caught.value.where) == ("no-native-topic", "FIRSTWORD_TOPICS")


@pytest.fixture
def backtests(tmp_path):
    one = Backtests(tmp_path, ["--data", str(tmp_path / "nowhere")], lambda: NOW)
    yield one
    one.close()


def test_one_backtest_runs_at_a_time(backtests):
    """It has all cores for itself; the next may begin when it has ended."""
    first = backtests.ask([PATIENT], until=None, by="Ada")
    with pytest.raises(UsageProblem) as caught:
        backtests.ask([PATIENT], until=None, by="Ben")
    eventually(lambda: backtests.reports()[0].state != "running")

    second = backtests.ask([PATIENT], until=NOW.date(), by="Ben")

    assert caught.value.code == "backtest-running"
    assert (first, second) == ("20261120-120000", "20261120-120000-2")


def test_a_backtest_that_failed_says_what_it_said(backtests):
    """The command's own problem, with its way out; and there is no page."""
    name = backtests.ask([PATIENT], until=None, by="Ada")
    eventually(lambda: backtests.reports()[0].state != "running")

    (report,) = backtests.reports()

    assert (report.name, report.state, report.by, report.variants) == (name, "failed", "Ada", (PATIENT,))
    assert "data-not-found" in report.said
    assert backtests.page(name) is None


def test_a_backtest_that_was_interrupted_does_not_run_for_ever(backtests, tmp_path):
    """Another console finds its folder, and no process."""
    backtests.ask([PATIENT], until=None, by="Ada")
    backtests.close()
    (tmp_path / "backtests" / "20261120-120000" / "said.txt").write_text("")

    (report,) = Backtests(tmp_path, [], lambda: LATER).reports()

    assert (report.state, report.said) == ("failed", "it was interrupted")


@pytest.mark.parametrize("name", ["", "..", "../..", "20261120-120000/../..", "asked.json", "\0", "a" * 300])
def test_no_name_leads_out_of_the_folder_of_reports(backtests, tmp_path, name):
    """A report is asked for by the name that it was given here."""
    (tmp_path / "report.html").write_text("private")

    assert backtests.page(name) is None
