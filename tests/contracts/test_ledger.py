"""What every ledger must do, whatever it is made of."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from streams.mail import ledger as rules
from streams.mail.ledger import Swap
from streams.mail.ledger_memory import MemoryLedger
from streams.mail.ledger_sql import open_ledger
from streams.mail.outcomes import Accepted, Temporary
from streams.pipeline.ports import Pin
from tests.mail_builders import FRIDAY, MINUTE, queued


def place_of(kind, request):
    return (
        request.getfixturevalue("postgres")
        if kind == "postgresql"
        else str(request.getfixturevalue("tmp_path") / "ledger.db")
    )


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def ledger(request):
    if request.param == "memory":
        yield MemoryLedger()
        return
    opened = open_ledger(place_of(request.param, request))
    yield opened
    opened.close()


def claimed(ledger, message_id="msg_armchair", *, now=FRIDAY, owner="a", **letter):
    row = rules.claimed(queued(message_id, **letter), now, owner, 1)
    assert ledger.write([row]).claims[0].fresh
    return row


def moved(ledger, old, **changes):
    new = old.__class__(**{name: getattr(old, name) for name in old.__struct_fields__} | changes)
    assert ledger.write(swaps=[Swap(old=old, new=new)]).swaps == (True,)
    return new


def test_a_row_comes_back_as_it_was_written(ledger):
    """Nothing is lost or bent: times with their zone, the letter, empty fields."""
    row = claimed(ledger)

    assert ledger.find("msg_armchair") == row
    assert ledger.find("msg_sofa") is None


def test_the_second_claim_learns_what_is_there(ledger):
    """The first claim wins; the second gets the first one's row and changes nothing."""
    first = claimed(ledger)
    claim = ledger.write([rules.claimed(queued(), FRIDAY + MINUTE, "b", 7)]).claims[0]

    assert (claim.fresh, claim.row) == (False, first)
    assert ledger.find("msg_armchair") == first


def test_two_claims_of_one_message_in_one_batch(ledger):
    """Concurrent duplicates share a transaction; still only one is fresh."""
    rows = [rules.claimed(queued(), FRIDAY, "a", 1) for _ in range(2)]

    assert [claim.fresh for claim in ledger.write(rows).claims] == [True, False]


def test_a_swap_wins_only_against_the_row_it_saw(ledger):
    """Compare and set: of two that saw the same row, the second changes nothing."""
    row = claimed(ledger)
    moved(ledger, row, state="sending")
    late = Swap(old=row, new=rules.withdrawn(row, FRIDAY))

    assert ledger.write(swaps=[late]).swaps == (False,)
    assert ledger.find("msg_armchair").state == "sending"


def test_a_batch_tells_winners_from_losers(ledger):
    """One stale swap does not spoil, hide or repeat its neighbors."""
    chair, sofa, lamp = (claimed(ledger, name) for name in ("msg_chair", "msg_sofa", "msg_lamp"))
    moved(ledger, sofa, state="withdrawn", letter=None)
    swaps = [Swap(old=row, new=rules.due_now(row, "later", FRIDAY)) for row in (chair, sofa, lamp)]

    assert ledger.write(swaps=swaps).swaps == (True, False, True)
    assert ledger.counts() == {"deferred": 2, "withdrawn": 1}


def test_an_older_generation_is_fenced_off(ledger):
    """A sender that was taken for dead and comes back cannot change the row any more."""
    old = claimed(ledger)
    moved(ledger, old, generation=2)

    assert ledger.write(swaps=[Swap(old=old, new=rules.withdrawn(old, FRIDAY))]).swaps == (False,)
    assert ledger.find("msg_armchair").state == "claimed"


def test_moves_outside_the_drawing_are_refused(ledger):
    """Accepted is for ever: the ledger itself will not let our own code say otherwise."""
    row = claimed(ledger)
    sending = moved(ledger, row, state="sending")
    accepted = rules.settled(sending, Accepted(reply="250 ok"), FRIDAY)
    ledger.write(swaps=[Swap(old=sending, new=accepted)])

    with pytest.raises(ValueError, match="accepted cannot become deferred"):
        ledger.write(swaps=[Swap(old=accepted, new=rules.due_now(accepted, "", FRIDAY))])


def test_generations_count_up_per_owner(ledger):
    """Each start of an owner is a new generation; owners do not disturb each other."""
    assert [ledger.enroll("a"), ledger.enroll("a"), ledger.enroll("b")] == [1, 2, 1]


def test_deferred_mails_come_due_in_order(ledger):
    """The longest waiting first, and not before its time."""
    for name, minutes in (("msg_b", 9), ("msg_a", 5), ("msg_c", 5)):
        row = claimed(ledger, name)
        moved(ledger, row, state="deferred", next_attempt_at=FRIDAY + minutes * MINUTE)

    assert ledger.next_due() == FRIDAY + 5 * MINUTE
    assert [row.message_id for row in ledger.due(FRIDAY + 4 * MINUTE)] == []
    assert [row.message_id for row in ledger.due(FRIDAY + 5 * MINUTE)] == ["msg_a", "msg_c"]
    assert [row.message_id for row in ledger.due(FRIDAY + 9 * MINUTE)] == ["msg_a", "msg_c", "msg_b"]
    assert [row.message_id for row in ledger.due(FRIDAY + 9 * MINUTE, limit=1)] == ["msg_a"]


def test_a_ledger_without_deferred_mails_waits_for_nothing(ledger):
    """No alarm clock is set for finished or running mails."""
    row = claimed(ledger)
    deferred = moved(ledger, row, state="deferred", next_attempt_at=FRIDAY)
    moved(ledger, deferred, state="claimed", next_attempt_at=None, attempt=2)

    assert ledger.next_due() is None


def test_unfinished_mails_are_found_after_a_crash(ledger):
    """Claimed and sending, nothing else."""
    moved(ledger, claimed(ledger, "msg_b"), state="sending")
    claimed(ledger, "msg_a")
    moved(ledger, claimed(ledger, "msg_c"), state="withdrawn")

    assert [row.message_id for row in ledger.unfinished()] == ["msg_a", "msg_b"]


def test_unfinished_mails_that_nobody_touched_for_long(ledger):
    """What a living process works on is younger than its lease, and is not looked at."""
    claimed(ledger, "msg_old")
    moved(ledger, claimed(ledger, "msg_refused"), state="refused")
    moved(ledger, claimed(ledger, "msg_young"), state="sending", updated_at=FRIDAY + MINUTE)

    assert [row.message_id for row in ledger.unfinished(FRIDAY)] == ["msg_old"]
    assert ledger.unfinished(FRIDAY - MINUTE) == []


@pytest.mark.parametrize("reply", ["250 Grüße \0 aus \U0001f4e6", "250 \udcff\udcfe raw bytes"])
def test_whatever_a_relay_writes_can_be_kept(ledger, reply):
    """Bytes that are no text, characters that a database does not know: the mail is accepted all the same."""
    sending = moved(ledger, claimed(ledger), state="sending")
    accepted = rules.settled(sending, Accepted(reply=reply), FRIDAY)

    assert ledger.write(swaps=[Swap(old=sending, new=accepted)]).swaps == (True,)
    assert ledger.find("msg_armchair") == accepted
    assert accepted.reply.startswith("250 ")


def test_the_first_mail_of_a_case_names_the_conversation(ledger):
    """The earliest in the thread counts, whatever order they were written in, if it may reach the customer."""
    second = claimed(ledger, "msg_2", case_id="case_1", thread=("msg_1",))
    first = claimed(ledger, "msg_1", case_id="case_1", now=FRIDAY + MINUTE)
    assert ledger.first_subject("case_1") is None

    moved(ledger, second, state="sending", subject="News")
    assert ledger.first_subject("case_1") == "News"

    sending = moved(ledger, first, state="sending", subject="Late")
    assert ledger.first_subject("case_1") == "Late"
    third = rules.claimed(queued("msg_3", case_id="case_1"), FRIDAY, "a", 1)
    assert ledger.write([third]).claims[0].first_subject == "Late"

    moved(ledger, sending, state="refused")
    assert ledger.first_subject("case_1") == "News"


def test_a_barred_address_is_known_at_the_next_claim(ledger):
    """The first reason stands; other addresses are not touched."""
    row = rules.claimed(queued("msg_2"), FRIDAY, "a", 1)
    ledger.bar(row.to_hash, "no such mailbox", FRIDAY)
    ledger.bar(row.to_hash, "another reason", FRIDAY + MINUTE)
    other = rules.claimed(queued("msg_3", to="eve@example.org"), FRIDAY, "a", 1)

    assert [claim.barred for claim in ledger.write([row, other]).claims] == ["no such mailbox", None]


def test_a_barred_address_can_be_asked_for(ledger):
    """By its hash, and nobody else's; the reason may be any text."""
    bob, eve = queued("msg_1").to_hash, queued("msg_2", to="eve@example.org").to_hash
    assert not ledger.is_barred(bob)
    ledger.bar(bob, "5.1.1 kein Postfach für Bob", FRIDAY)

    assert (ledger.is_barred(bob), ledger.is_barred(eve), ledger.is_barred("")) == (True, False, False)


def test_a_mail_that_waits_learns_that_its_address_was_barred(ledger):
    """Claimed before, asked for again after: the second claim says so, whatever order it is of."""
    row = claimed(ledger, "msg_1", case_id="case_1")
    ledger.bar(row.to_hash, "no such mailbox", FRIDAY)
    again = ledger.write([row]).claims[0]

    assert (again.fresh, again.barred) == (False, "no such mailbox")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_processes_bar_at_once(kind, request):
    """Both mean the same; neither fails, and one reason stands."""
    path = place_of(kind, request)
    ledgers = [open_ledger(path) for _ in range(4)]
    start = Barrier(4)

    def bar(one):
        start.wait(30)
        for number in range(20):
            one.bar(f"hash-{number}", f"reason of {id(one)}", FRIDAY)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(bar, ledgers))

    assert all(one.is_barred(f"hash-{number}") for one in ledgers for number in range(20))
    for one in ledgers:
        one.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_written_survives_reopening(kind, request):
    """SQL only: a second process sees the rows, generations and barred addresses of the first."""
    path = place_of(kind, request)
    before = open_ledger(path)
    before.enroll("a")
    row = claimed(before)
    deferred = rules.settled(row, Temporary(text="451 later"), FRIDAY)
    before.write(swaps=[Swap(old=row, new=deferred)])
    before.bar(row.to_hash, "no such mailbox", FRIDAY)
    before.close()
    after = open_ledger(path)

    assert after.find("msg_armchair") == deferred
    assert after.next_due() == FRIDAY + timedelta(minutes=1)
    assert after.enroll("a") == 2
    assert after.is_barred(row.to_hash)
    after.close()


def test_hundreds_of_claims_in_one_batch(ledger):
    """More ids than a database takes in one statement."""
    rows = [rules.claimed(queued(f"msg_{number}"), FRIDAY, "a", 1) for number in range(1001)]

    assert all(claim.fresh for claim in ledger.write(rows).claims)
    assert not any(claim.fresh for claim in ledger.write(rows).claims)
    assert ledger.counts() == {"claimed": 1001}


def test_a_row_keeps_the_words_it_was_begun_with(ledger):
    """Written with the claim, read with the row, changed by a swap and by nothing else."""
    row = rules.claimed(queued(), FRIDAY, "a", 1, Pin("v1", "b"))
    ledger.write([row])
    late = ledger.write([rules.claimed(queued(), FRIDAY, "b", 1, Pin("v2", "a"))]).claims[0]

    assert (late.fresh, late.row.pin) == (False, Pin("v1", "b"))
    sending = moved(ledger, row, state="sending")
    assert ledger.find("msg_armchair").pin == Pin("v1", "b")
    refused = rules.pinned(rules.refused(sending, "no", FRIDAY), Pin())
    ledger.write(swaps=[Swap(old=sending, new=refused)])
    assert ledger.find("msg_armchair") == refused
    assert ledger.find("msg_armchair").pin == Pin()


def test_words_are_kept_once_under_their_version(ledger):
    """Every process that begins a mail with them says so; the first one is believed."""
    assert ledger.sources("v1") is None

    ledger.keep_sources("v1", "late", b"\0words", FRIDAY)
    ledger.keep_sources("v1", "late", b"other words", FRIDAY + MINUTE)
    ledger.keep_sources("v2", "late", b"", FRIDAY)

    assert (ledger.sources("v1"), ledger.sources("v2")) == (b"\0words", b"")
