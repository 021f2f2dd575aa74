"""The process in which drafts are worked on is held to time, memory and answer, whatever it is given to do."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from streams.problems import TemplateProblem, WorldProblem
from streams.templating.apart import _HEAD, LARGEST, MEMORY, SECONDS, Apart
from tests.embedded_runs import ROOT
from tests.studio_rig import eventually

WILD = "tests.wild_work:working"
SLACK = 2.0  # seconds that a busy machine may take to notice; a tenth of one is usual


@asynccontextmanager
async def wild(limits=None):
    child = Apart(WILD, limits)
    try:
        await child.begin()
        yield child
    finally:
        await child.close()


def ask(name, *arguments, limits=None):
    """Give the child one piece of work, and then see that the next one is done as if nothing had been."""

    async def run():
        async with wild(limits) as child:
            begun = time.perf_counter()
            try:
                said = json.loads(await child.ask(json.dumps([name, *arguments]).encode()))
            except TemplateProblem as problem:
                said = problem
            took = time.perf_counter() - begun
            after = json.loads(await child.ask(b'["echo", "alive"]'))
            return said, took, after, child.stopped

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """The child imports what we import: its work is found in the tests' folder."""
    monkeypatch.syspath_prepend(str(ROOT))


def test_the_limits_are_those_of_the_house():
    """Two seconds, 512 MB, a megabyte."""
    assert (SECONDS, MEMORY, LARGEST) == (2.0, 512 * 1024 * 1024, 1_000_000)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("spin", "it was not done after 2 seconds"),
        ("sleep", "it was not done after 2 seconds"),
        ("grow", "it needed more than 512 MB"),
        ("grow_at_once", "it needed more than 512 MB"),
        ("recurse", "it is nested too deeply"),
        ("talk", "its answer is larger than 1,000,000 bytes"),
        ("crash", "it ended the process that worked on it, mostly because memory ran out"),
        ("leave", "it ended the process that worked on it, mostly because memory ran out"),
    ],
)
def test_wild_work_is_stopped_and_the_next_question_answered(name, why):
    """What no checker saw is stopped in time, told as a problem, and harms nothing that comes after."""
    said, took, after, stopped = ask(name)

    assert isinstance(said, TemplateProblem)
    assert (said.code, said.why) == ("studio-stopped", why)
    assert took < SECONDS + SLACK
    assert after == "alive"
    assert stopped == 1


def test_a_child_that_nobody_listens_to_is_ended_too():
    """It has said more than anybody has read: its end is heard all the same, and nothing of it stays open."""

    async def run():
        async with wild() as child:
            talker = child._child
            question = b'["talk"]'
            talker.stdin.write(_HEAD.pack(b"A", len(question)) + question)
            for _ in range(50):  # until as much has come as is kept for whoever reads
                await asyncio.sleep(0.02)
            async with asyncio.timeout(SECONDS):
                code = await child._end()
            await asyncio.sleep(0)
            return code, talker.stdout.at_eof()

    assert asyncio.run(run()) == (-signal.SIGKILL, True)


def test_a_child_never_holds_more_than_its_memory():
    """The kernel refuses what is above the limit: the child stays below it at every moment."""

    async def run():
        async with wild() as child:
            return _limits_of(child.pid)

    assert asyncio.run(run()) == [str(MEMORY), str(MEMORY)]


def test_what_a_library_prints_is_no_answer():
    """Answers travel where nobody prints."""
    said, *_ = ask("chatter")

    assert said == "an answer"


def test_a_mistake_of_ours_is_told_without_its_words(tmp_path):
    """The text of an unforeseen error may hold anything: only its kind is told."""
    said, _, after, stopped = ask("stumble")

    assert (said.code, said.why) == ("internal", "KeyError")
    assert "example.com" not in str(said)
    assert (after, stopped) == ("alive", 0)


def test_a_child_writes_no_file_and_has_no_environment(tmp_path):
    """It knows no setting, thus no secret, and can leave nothing on the disk."""
    said, *_ = ask("write", str(tmp_path / "left"))
    surroundings, *_ = ask("surroundings")

    assert (said.code, said.why) == ("internal", "OSError")
    assert not (tmp_path / "left").exists() or (tmp_path / "left").read_bytes() == b""
    assert set(surroundings["environment"]) <= {"LC_CTYPE"}
    assert surroundings["folder"] == "/"


def test_who_goes_away_leaves_no_answer_for_the_next():
    """A question that nobody waits for any more ends its child: its answer would be taken for another's."""

    async def run():
        async with wild() as child:
            first = child.pid
            asked = asyncio.create_task(child.ask(b'["sleep"]'))
            await asyncio.sleep(0.1)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            return first, json.loads(await child.ask(b'["echo", "mine"]')), child.pid

    first, said, second = asyncio.run(run())

    assert said == "mine"
    assert first != second


def test_questions_take_their_turn():
    """Many at once are answered one by one, each with its own answer."""

    async def run():
        async with wild() as child:
            questions = [child.ask(json.dumps(["echo", f"n{number}"]).encode()) for number in range(20)]
            return [json.loads(answer) for answer in await asyncio.gather(*questions)]

    assert asyncio.run(run()) == [f"n{number}" for number in range(20)]


def test_a_child_outlives_nobody():
    """Where the studio is killed in the middle of wild work, the kernel ends the child when its time is over."""
    program = textwrap.dedent(
        f"""
        import asyncio, sys
        from streams.templating.apart import Apart, Limits
        async def main():
            child = Apart({WILD!r}, Limits(seconds=4.0))
            await child.begin()
            print(child.pid, flush=True)
            await child.ask(b'["spin"]')
        asyncio.run(main())
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    ) as parent:
        child = int(parent.stdout.readline())
        try:
            before = _busy(child)
            eventually(lambda: _busy(child) > before + 10)
            parent.send_signal(signal.SIGKILL)

            eventually(lambda: not _lives(child), patience=10)
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_a_child_that_cannot_start_is_told():
    """Who has nobody to work on drafts hears that, and not a traceback."""

    async def run():
        child = Apart("tests.wild_work:not_there")
        with pytest.raises(WorldProblem) as told:
            await child.begin()
        return told.value.code

    assert asyncio.run(run()) == "studio-no-child"


def _limits_of(pid):
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line.split()[3:5] for line in lines if line.startswith("Max address space"))


def _lives(pid):
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def _busy(pid):
    """Return how long a process has worked, in hundredths of a second."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
