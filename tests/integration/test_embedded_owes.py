"""A run without a source is worth a start where decisions of an earlier one are still owed."""

from streams.embedded.journal import Batch, Journal, owes


def decided(*, pending):
    batch = Batch()
    moment = "2026-11-20T15:00:00+00:00"
    batch.decisions.append((1, "dec_1", "ORD-1", "message.withdrawn.v1", moment, b"{}", pending))
    return batch


def test_what_is_decided_and_not_done_is_owed(tmp_path):
    """Until it is done; and where nothing was ever written nothing is, and no file is made by asking."""
    path = tmp_path / "journal.sqlite"

    assert not owes(path)
    assert not path.exists()

    journal = Journal(path)
    journal.commit(decided(pending=1))
    assert owes(path)

    done = Batch()
    done.done.append(1)
    journal.commit(done)
    journal.close()
    assert not owes(path)


def test_a_damaged_journal_owes_nothing(tmp_path):
    """Whoever opens it says what is wrong with it."""
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"no database at all, and longer than a header" * 40)

    assert not owes(path)
