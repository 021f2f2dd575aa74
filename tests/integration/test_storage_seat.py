"""A worker's name in the ledger: its own while it lives, and its own again after a restart."""

import subprocess
import sys
from pathlib import Path

import pytest

from streams.problems import WorldProblem
from streams.storage.engine import open_engine
from streams.storage.seat import take_seat

ROOT = Path(__file__).parents[2]
SITTER = """
import sys
from streams.storage.engine import open_engine
from streams.storage.seat import take_seat

seat = take_seat(open_engine(sys.argv[1]), "host")
print(seat.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A database."""
    return request.getfixturevalue("postgres") if request.param == "postgresql" else str(tmp_path / "l.db")


@pytest.fixture
def engine(url):
    """A way to it."""
    opened = open_engine(url)
    yield opened
    opened.dispose()


def sitter(url):
    """A process that takes a seat; with its name."""
    process = subprocess.Popen(
        [sys.executable, "-c", SITTER, url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def test_no_two_that_live_have_one_name(engine):
    """The first free name of the host; another host has its own."""
    seats = [take_seat(engine, "host"), take_seat(engine, "host"), take_seat(engine, "elsewhere")]
    names = [seat.name for seat in seats]
    for seat in seats:
        seat.check()
        seat.leave()

    assert names[:2] == ["host/0", "host/1"]
    assert names[2].startswith("elsewhere/")


def test_who_leaves_makes_room(engine):
    """A worker that ended in order, or whose engine lives on, blocks nobody."""
    first, second = take_seat(engine, "host"), take_seat(engine, "host")
    first.leave()
    third = take_seat(engine, "host")
    second.leave()
    third.leave()

    assert third.name == "host/0"


def test_a_killed_process_gets_its_name_back(url, engine):
    """Nobody had to tell: the name is free as soon as the process is gone, and taken until then."""
    process, name = sitter(url)
    beside = take_seat(engine, "host")
    process.kill()
    process.communicate()
    again, again_name = sitter(url)
    again.communicate()
    beside.leave()

    assert (name, beside.name, again_name) == ("host/0", "host/1", "host/0")


def test_a_restarted_server_costs_nobody_the_name(own_postgres):
    """The connection broke, and nobody was faster: the name is taken anew, and is held."""
    engine = open_engine(own_postgres.url)
    seat = take_seat(engine, "host")
    own_postgres.kill()
    with pytest.raises(WorldProblem) as away:
        seat.check()
    own_postgres.start()
    seat.check()
    other = take_seat(engine, "host")
    seat.leave()
    other.leave()
    engine.dispose()

    assert (away.value.code, away.value.retriable) == ("seat-lost", True)
    assert (seat.name, other.name) == ("host/0", "host/1")


def test_a_name_that_another_one_took_is_lost(own_postgres):
    """While our connection was broken somebody else sat down: we must go, and not try again."""
    engine = open_engine(own_postgres.url)
    seat = take_seat(engine, "host")
    own_postgres.restart()
    other = take_seat(engine, "host")
    with pytest.raises(WorldProblem) as lost:
        seat.check()
    other.leave()
    engine.dispose()

    assert (other.name, lost.value.code, lost.value.retriable) == ("host/0", "seat-lost", False)
