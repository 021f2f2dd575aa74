"""A file that nobody has opened yet is opened by many processes at once, and nobody is turned away."""

import multiprocessing
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy.exc import OperationalError

from streams.storage.engine import open_engine

SEATS = 8
ROUNDS = 25
forked = multiprocessing.get_context("fork")


def connect(path, start, seen):
    """Open the file in the same moment as the others; tell the mode it is in then, or what went wrong."""
    engine = open_engine(path)
    start.wait()
    try:
        with engine.connect() as connection:
            seen.put(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
    except OperationalError as error:
        seen.put(str(error.orig))


def opened_at_once(path):
    """Return what as many processes as there are seats saw."""
    start, seen = forked.Barrier(SEATS), forked.SimpleQueue()
    racers = [forked.Process(target=connect, args=(str(path), start, seen)) for _ in range(SEATS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(timeout=60)
    return [seen.get() for _ in racers]


@pytest.mark.parametrize("used", [False, True], ids=["no file", "a file in the first mode"])
def test_a_file_is_switched_by_many_at_once(tmp_path, used):
    """Without another try, SQLite turns away about one of thirty."""
    for number in range(ROUNDS):
        path = tmp_path / f"{number}.db"
        if used:
            with closing(sqlite3.connect(path)) as old:
                old.execute("CREATE TABLE orders (id TEXT)")

        assert opened_at_once(path) == ["wal"] * SEATS
