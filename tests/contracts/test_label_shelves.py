"""What every shelf of labels must do, in files or in a database."""

import threading

import pytest

from streams.labels.store import LabelStore, SharedLabelStore
from streams.problems import InputProblem, WorldProblem
from streams.storage.engine import open_engine
from streams.storage.labels import LabelTable
from streams.storage.migrate import upgrade


@pytest.fixture(params=["files", "sqlite", "postgresql"])
def shelves(request, tmp_path):
    """Two views of one shelf, as two workers have them."""
    if request.param == "files":
        yield LabelStore(tmp_path / "labels"), LabelStore(tmp_path / "labels")
        return
    url = (
        request.getfixturevalue("postgres") if request.param == "postgresql" else str(tmp_path / "labels.db")
    )
    upgrade(url)
    engines = [open_engine(url), open_engine(url)]
    yield tuple(SharedLabelStore(LabelTable(engine)) for engine in engines)
    for engine in engines:
        engine.dispose()


def test_what_one_worker_kept_another_one_finds(shelves):
    """Byte for byte; what nobody kept is None."""
    one, other = shelves
    one.put("label_a", b"%PDF-1\x00\xff")

    assert other.get("label_a") == b"%PDF-1\x00\xff"
    assert other.get("label_b") is None


def test_the_first_one_under_an_id_stays(shelves):
    """It may be in a customer's hands already."""
    one, other = shelves
    one.put("label_a", b"first")
    other.put("label_a", b"second")

    assert one.get("label_a") == other.get("label_a") == b"first"


def test_workers_that_keep_the_same_label_at_once(shelves):
    """Both are content, and one whole label is kept."""
    pages = [bytes([65 + n]) * 50_000 for n in range(6)]
    start = threading.Barrier(len(pages))
    failures = []

    def put(shelf, page):
        start.wait()
        try:
            shelf.put("label_a", page)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=put, args=(shelves[n % 2], page)) for n, page in enumerate(pages)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert shelves[0].get("label_a") in pages


@pytest.mark.parametrize("label_id", ["", "../label", "a.pdf", "a\0b", "ä", "-rf", "x" * 129])
def test_every_shelf_takes_the_same_ids(shelves, label_id):
    """An id that could not name a file is refused by the database, too."""
    with pytest.raises(InputProblem, match="label-id-invalid"):
        shelves[0].put(label_id, b"%PDF")
    with pytest.raises(InputProblem, match="label-id-invalid"):
        shelves[0].get(label_id)


def test_a_database_that_is_away_is_worth_another_try(own_postgres):
    """A problem that passes by itself, with the driver's own words and no label in it."""
    upgrade(own_postgres.url)
    engine = open_engine(own_postgres.url)
    shelf = SharedLabelStore(LabelTable(engine))
    own_postgres.stop()
    with pytest.raises(WorldProblem) as put:
        shelf.put("label_a", b"%PDF secret")
    with pytest.raises(WorldProblem) as got:
        shelf.get("label_a")
    engine.dispose()

    assert (put.value.code, put.value.retriable) == ("label-store-unwritable", True)
    assert (got.value.code, got.value.retriable) == ("label-store-unreadable", True)
    assert "secret" not in str(put.value)
