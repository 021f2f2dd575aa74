"""What every ledger must do for those who tell others: an outcome stays marked until it was told."""

import msgspec
import pytest

from streams.mail import ledger as rules
from streams.mail.ledger import Swap, Told
from streams.mail.ledger_memory import MemoryLedger
from streams.mail.ledger_sql import open_ledger
from tests.mail_builders import FRIDAY, MINUTE, queued


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def ledger(request):
    if request.param == "memory":
        yield MemoryLedger()
        return
    place = "postgres" if request.param == "postgresql" else "tmp_path"
    found = request.getfixturevalue(place)
    opened = open_ledger(found if request.param == "postgresql" else str(found / "ledger.db"))
    yield opened
    opened.close()


def deferred(ledger, message_id, now=FRIDAY):
    """A mail that the relay did not take yet, and of which nobody has heard."""
    row = rules.claimed(queued(message_id), now, "a", 1)
    end = rules.untold(rules.deferred(row, "451 later", now))
    assert ledger.write([row]).claims[0].fresh
    assert ledger.write(swaps=[Swap(old=row, new=end)]).swaps == (True,)
    return end


def told(row):
    return Told(message_id=row.message_id, state=row.state, attempt=row.attempt)


def test_an_outcome_stays_untold_until_it_is_told(ledger):
    """It comes back as it was written, the longest waiting first, and is gone when it was told."""
    second, first = deferred(ledger, "msg_b", FRIDAY + MINUTE), deferred(ledger, "msg_a")

    assert ledger.untold(FRIDAY) == [first]
    assert ledger.untold(FRIDAY + MINUTE) == [first, second]
    assert ledger.untold(FRIDAY + MINUTE, limit=1) == [first]
    assert ledger.next_untold() == FRIDAY

    ledger.told([told(second), told(first)])
    assert ledger.next_untold() is None
    assert ledger.untold(FRIDAY + MINUTE) == []
    assert ledger.find("msg_a") == msgspec.structs.replace(first, untold_since=None)


def test_nobody_keeps_count_by_default(ledger):
    """Who tells in the same breath owes nothing."""
    row = rules.claimed(queued(), FRIDAY, "a", 1)
    ledger.write([row])
    ledger.write(swaps=[Swap(old=row, new=rules.deferred(row, "451 later", FRIDAY))])

    assert ledger.untold(FRIDAY) == []
    assert ledger.next_due() == FRIDAY + MINUTE


def test_what_is_untold_is_not_tried_again(ledger):
    """The next attempt would put its own end in the place of the one that nobody has heard of."""
    row = deferred(ledger, "msg_a")

    assert (ledger.due(FRIDAY + MINUTE), ledger.next_due()) == ([], None)

    ledger.told([told(row)])
    assert [one.message_id for one in ledger.due(FRIDAY + MINUTE)] == ["msg_a"]
    assert ledger.next_due() == FRIDAY + MINUTE


def test_a_late_word_does_not_hush_up_a_newer_end(ledger):
    """Told of the first attempt, while the row stands at the end of the second."""
    first = deferred(ledger, "msg_a")
    again = rules.reclaimed(first, FRIDAY + MINUTE, "a", 1)
    end = rules.untold(rules.refused(again, "550 no", FRIDAY + MINUTE))
    assert ledger.write(swaps=[Swap(old=first, new=again)]).swaps == (True,)
    assert ledger.untold(FRIDAY + MINUTE) == []  # nothing has come of the second attempt yet
    assert ledger.write(swaps=[Swap(old=again, new=end)]).swaps == (True,)

    ledger.told([told(first)])
    assert ledger.untold(FRIDAY + MINUTE) == [end]


def test_the_oldest_that_waits(ledger):
    """Per state, and since when: unfinished ones since they were touched, deferred ones since they were queued."""
    assert ledger.oldest() == {}

    deferred(ledger, "msg_a", FRIDAY + MINUTE)
    deferred(ledger, "msg_b", FRIDAY + 2 * MINUTE)
    for name, minutes in (("msg_c", 4), ("msg_d", 3)):
        ledger.write([rules.claimed(queued(name), FRIDAY + minutes * MINUTE, "a", 1)])

    assert ledger.oldest() == {"deferred": FRIDAY + MINUTE, "claimed": FRIDAY + 3 * MINUTE}
