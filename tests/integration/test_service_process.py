"""Several processes as one, and libraries that speak: what the worker command is made of."""

import io
import json
import logging
import os
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams import telemetry
from streams.service.process import hear_libraries
from tests.embedded_runs import ROOT

_CREW = """
import asyncio, sys
from streams.service.crew import run_crew
sys.exit(asyncio.run(run_crew({role: ["-c", code] for role, code in zip(sys.argv[1::2], sys.argv[2::2])})))
"""
# A worker that tells of its life and of being told to stop.
_STEADY = """
import os, signal, threading
told = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: told.set())
open(os.path.join(os.environ["STEADY"], str(os.getpid())), "w").close()
os.write(1, b"steady\\n")  # in one go: another writes to the same pipe
told.wait(60)
os.write(1, b"told\\n")
"""
_DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(os.path.join(os.environ["STEADY"], str(os.getpid())), "w").close()
time.sleep(60)
"""
# A worker that ends when so many others are there.
_DYING = """
import os, sys, time
while len(os.listdir(os.environ["STEADY"])) < {others}:
    time.sleep(0.02)
{end}
"""
_ORPHAN = """
import os, signal, subprocess, sys, time
child = "from streams.service.process import end_with; import os, time;" \\
        "end_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(60)
"""


@contextmanager
def python(folder, code, *arguments):
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT), "STEADY": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("sys.exit(7)", 7),
        ("sys.exit(0)", 0),
        ("os.kill(os.getpid(), 9)", 137),
    ],
)
def test_when_one_ends_the_others_are_told_and_its_code_counts(end, code, tmp_path):
    """Half a service is none: whatever restarts it starts all three."""
    dying = _DYING.format(others=2, end=end)
    with python(tmp_path, _CREW, "ingest", _STEADY, "fold", dying, "effects", _STEADY) as crew:
        out, _ = crew.communicate(timeout=30)

    assert crew.returncode == code
    assert sorted(out.split()) == ["steady", "steady", "told", "told"]


def test_when_the_crew_is_told_all_are_told(tmp_path):
    """SIGTERM to the one command is a graceful end of all: 0."""
    with python(tmp_path, _CREW, "ingest", _STEADY, "fold", _STEADY) as crew:
        said = [crew.stdout.readline().strip() for _ in range(2)]
        crew.terminate()
        out, _ = crew.communicate(timeout=30)

    assert (said, out.split(), crew.returncode) == (["steady", "steady"], ["told", "told"], 0)


@pytest.mark.slow
def test_one_that_does_not_listen_is_cut_off(tmp_path):
    """Twelve seconds after it was told, it is killed, and the code of the one that died still counts."""
    dying = _DYING.format(others=1, end="sys.exit(7)")
    with python(tmp_path, _CREW, "ingest", _DEAF, "fold", dying) as crew:
        began = time.monotonic()
        crew.communicate(timeout=40)

    assert crew.returncode == 7
    assert 12 < time.monotonic() - began < 25


def test_who_loses_its_parent_ends(tmp_path):
    """A crew that is killed leaves nobody behind that still decides or sends."""
    with python(tmp_path, _ORPHAN) as parent:
        orphan = int(parent.stdout.readline())
        parent.kill()
        deadline = time.monotonic() + 10
        while alive(orphan) and time.monotonic() < deadline:
            time.sleep(0.05)

        assert not alive(orphan)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_that_is_told_before_it_listens_is_no_failure(tmp_path):
    """Stopped while it starts, a crew has nothing in hand: 0, and not the mark of a signal."""
    with python(tmp_path, _CREW, "ingest", "import time; time.sleep(60)", "fold", _STEADY) as crew:
        crew.stdout.readline()
        crew.terminate()

        assert crew.wait(30) == 0


# ---------------------------------------------------------------------------- libraries


@pytest.fixture
def heard():
    """Let libraries be heard, and put all loggers back."""
    root, ours = logging.getLogger(), logging.getLogger("firstword")
    before = (root.handlers[:], ours.handlers[:], ours.level, ours.propagate)
    stream = io.StringIO()
    telemetry.configure("INFO", stream)
    hear_libraries()
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.captureWarnings(capture=False)
    root.handlers[:], ours.handlers[:], ours.level, ours.propagate = before


def test_what_a_library_says_is_one_line_of_json(heard):
    """With its error, without an address of a customer, and once however often it repeats itself."""
    logger = logging.getLogger("aiokafka.conn")
    for attempt in range(50):
        logger.warning("attempt %s for %s", attempt, "ana@example.com")
    logger.error("broken\nin two lines", exc_info=ConnectionError("gone"))

    first, second = heard()
    assert (first["name"], first["library"], first["says"]) == (
        "library_warned",
        "aiokafka.conn",
        "attempt 0 for [address]",
    )
    assert second["says"] == "broken (ConnectionError: gone)"


def test_what_only_interests_its_authors_is_not_heard(heard):
    """From WARNING on; and Python's own warnings come the same way."""
    logging.getLogger("faust").info("hello")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        hear_libraries()
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)

    (line,) = heard()
    assert line["library"] == "py.warnings"
    assert "old ways" in line["says"]
