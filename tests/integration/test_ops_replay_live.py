"""Live replay: what was lost goes out once, and what is told, too old or untrue stays where it is."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.codec.blocks import encode_block, tick, to_entry
from streams.core import events as facts
from streams.ops.history import Decided
from streams.ops.replay.crew import Stop
from streams.ops.replay.live import MAX_AGE, LiveTask, confirm, plan
from streams.ops.replay.outbox import JournalOutbox
from streams.ops.replay.travel import Route
from streams.ops.stretch import Stretch
from streams.pipeline.outcomes import outcome_event
from streams.problems import UsageProblem
from tests.command_line import ndjson, wrong_item
from tests.embedded_runs import run_history
from tests.replay_rig import Cut, fortnight, journal_of, policy_with

NOON = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)  # one o'clock in São Paulo
PACKED = NOON - timedelta(minutes=40)
SILENT = '[respond.wrong_item]\nmessage = "none"\n'
UNTIL = NOON + timedelta(minutes=1)


@pytest.fixture
def silent(tmp_path):
    """A run under a policy that tells nothing of a mix-up, which the standard policy would have told."""
    (tmp_path / "silent.toml").write_text(SILENT)
    (tmp_path / "events.ndjson").write_text(ndjson(wrong_item("CRUNCHY-ARMCHAIR", PACKED)))
    return run(tmp_path)


def run(folder, until=NOON):
    """Run or go on, under the policy that would tell nothing by itself; mails end in the data folder."""
    source = f"native={folder / 'events.ndjson'}"
    return run_history(folder / "shop", source, until=until, policy=folder / "silent.toml")


def planned(history, now=NOON, stretch=None, policy=None, **more):
    """Say what would go into the outbox."""
    route = Route(
        history=history, policy=policy or policy_with(), stretch=stretch or Stretch(), to_the_end=True
    )
    quiet = {"jobs": 1, "report": lambda _moved: None, "stop": Stop()}
    return plan(route, tuple(history.extents()), now=now, **quiet, **more)


def test_what_was_never_decided_then_goes_out_once(silent, tmp_path):
    """Under the policy of today there is a mail; it is put into the outbox, and the next run sends it."""
    assert silent.mails() == []
    found = planned(journal_of(silent))
    (mail,) = [one for one in found.going if one.type == "message.queued.v1"]
    assert (found.messages, mail.purpose, mail.order_id) == (1, "apology", "CRUNCHY-ARMCHAIR")
    assert run(tmp_path, NOON + timedelta(seconds=30)).mails() == [], "planning alone sends nothing"
    outbox = JournalOutbox(silent.data / "journal.sqlite")

    assert outbox.put(found.decisions) == 1
    assert len(run(tmp_path, UNTIL).mails()) == 1


def test_doing_it_twice_sends_nothing_twice(silent, tmp_path):
    """The ledger knows the message, whoever asks and however often."""
    found = planned(journal_of(silent))
    outbox = JournalOutbox(silent.data / "journal.sqlite")
    assert outbox.put(found.decisions) == 1
    assert outbox.put(found.decisions) == 0, "the journal holds a decision once"
    run(tmp_path, UNTIL)
    assert outbox.put(found.decisions) == 0
    again = run(tmp_path, UNTIL + timedelta(minutes=1))

    assert len(again.mails()) == 1
    accepted = again.of("message.accepted.v1")
    assert [one.fact.message_id for one in accepted] == [
        one.fact().message_id for one in found.decisions if one.type == "message.queued.v1"
    ]


def test_after_it_went_out_nothing_is_left_to_do(silent, tmp_path):
    """The answer stands in the history: the same replay finds the mail done."""
    JournalOutbox(silent.data / "journal.sqlite").put(planned(journal_of(silent)).decisions)
    done = planned(journal_of(run(tmp_path, UNTIL)))

    assert done.messages == 0
    (mail,) = [one for one in done.left if one.type == "message.queued.v1"]
    assert mail.left.startswith("it is done: the relay took responsibility")


def test_an_answer_behind_the_stretch_counts(silent):
    """What is asked about ends long before the relay took the mail, which is known all the same."""
    history = Cut(silent, 1)
    (mail,) = [one for one in planned(history).decisions if one.type == "message.queued.v1"]
    accepted = facts.MessageAccepted(
        order_id=mail.order_id,
        message_id=mail.fact().message_id,
        case_id="case",
        template="wrong_item",
        locale="en",
        to_hash="abc",
    )
    answer = to_entry(outcome_event(accepted, NOON + timedelta(hours=3)))
    history.blocks[0] += [encode_block([tick(NOON + timedelta(hours=hour))]) for hour in (1, 2)]
    stretch = Stretch(until=mail.now + timedelta(seconds=1))
    assert planned(history, stretch=stretch).messages == 1
    history.blocks[0].append(encode_block([answer]))

    assert planned(history, stretch=stretch).messages == 0


def test_an_unchanged_history_has_nothing_to_hand_over(tmp_path_factory):
    """Everything was made true then, also what came behind the stretch."""
    ran = fortnight(tmp_path_factory.getbasetemp() / "fortnight")
    day = next(one.now for one in ran.decisions if one.type == "message.queued.v1")
    stretch = Stretch(since=day, until=day + timedelta(seconds=1))
    whole, short = planned(journal_of(ran), now=day), planned(journal_of(ran), now=day, stretch=stretch)

    assert (whole.messages, short.messages) == (0, 0)
    assert [one.type for one in whole.going if one.type != "message.withdrawn.v1"] == []
    assert len(short.left) >= 1
    assert len(whole.left) > len(short.left)


def test_what_has_been_withdrawn_since_is_left(silent):
    """A mail that became untrue behind the stretch is not brought back by it."""
    history = Cut(silent, 1)
    found = planned(history)
    (mail,) = [one for one in found.decisions if one.type == "message.queued.v1"]
    withdrawn = facts.MessageWithdrawn(
        order_id=mail.order_id,
        decision_id="dec_back",
        message_id=mail.fact().message_id,
        case_id="case",
        template="wrong_item",
        locale="en",
        to_hash="abc",
        reason="cleared",
        queued=True,
    )
    route = Route(history=history, policy=policy_with(), stretch=Stretch(), to_the_end=True)
    task = LiveTask(route, 0)
    for fact in (mail.fact(), withdrawn):
        made = Decided(id=fact.decision_id, order_id=fact.order_id, type=fact.TYPE, now=NOON, fact=fact)
        task.take(1, NOON, [made])
    fates = {kept.type: why for kept, why in task.finish(None)}

    assert fates["message.queued.v1"].startswith("it no longer stands")
    assert fates["message.withdrawn.v1"] is None


@pytest.mark.parametrize(
    ("age", "messages"),
    [(timedelta(days=2), 1), (timedelta(days=2, minutes=1), 0), (timedelta(days=40), 0)],
)
def test_an_apology_of_more_than_two_days_ago_is_listed_and_left(silent, age, messages):
    """Nobody wants to read it."""
    made = next(one.at for one in planned(journal_of(silent)).going if one.type == "message.queued.v1")
    found = planned(journal_of(silent), now=made + age)

    assert found.messages == messages
    too_old = [one for one in found.left if "too old" in (one.left or "")]
    assert ("message.queued.v1" in {one.type for one in too_old}) == (messages == 0)


def test_how_old_a_purpose_may_be_can_be_said(silent):
    """By purpose, and only that one."""
    now = NOON + timedelta(days=5)
    longer = {**MAX_AGE, "apology": timedelta(days=7)}

    assert planned(journal_of(silent), now=now).messages == 0
    assert planned(journal_of(silent), now=now, max_age=longer).messages == 1
    assert planned(journal_of(silent), now=now, max_age=longer, notes={"wrong_item"}).messages == 0


def test_another_mail_that_went_out_then_stands_in_the_way(silent):
    """Two policies may give one trouble two ids; the ledger would not know that it was told."""
    history = Cut(silent, 1)
    (mail,) = [one for one in planned(history).decisions if one.type == "message.queued.v1"]
    task = LiveTask(Route(history=history, policy=policy_with(), stretch=Stretch()), 0)
    accepted = facts.MessageAccepted(
        order_id=mail.order_id,
        message_id="msg_of_another_policy",
        case_id="case",
        template="short_shipment",
        locale="en",
        to_hash="abc",
    )
    fact = mail.fact()
    task.take(
        1,
        NOON,
        [
            Decided(id=fact.decision_id, order_id=fact.order_id, type=fact.TYPE, now=NOON, fact=fact),
            Decided(id="out", order_id=fact.order_id, type=accepted.TYPE, now=NOON, fact=accepted),
        ],
    )
    ((_, why),) = task.finish(None)

    assert why.startswith("another one stood in its place then")


@pytest.mark.parametrize("number", [None, 0, 2])
def test_without_the_right_number_nothing_goes(silent, number):
    """Whoever did not see the list does not know it."""
    with pytest.raises(UsageProblem) as raised:
        confirm(planned(journal_of(silent)), number)

    assert raised.value.code == "live-unconfirmed"
    assert "--confirm 1" in raised.value.hint


def test_planning_changes_nothing(silent):
    """Looking is free."""
    path = silent.data / "journal.sqlite"
    before = path.read_bytes()
    planned(journal_of(silent))

    assert path.read_bytes() == before
