"""Work on somebody's draft, in a process of its own: warm, limited in time, memory and answer, and soon replaced.

A draft may be anything: what it asks for must not take the server with it. The child has no environment,
can put nothing into a file, and ends itself (by the kernel's timer) even where nobody is left to end it. Whoever asks
waits for :data:`SECONDS` at most; a child that takes longer is killed, and the next question finds a new one.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import BinaryIO, Final

import msgspec

from streams.problems import Problem, TemplateProblem, WorldProblem

SECONDS: Final = 2.0  # of the wall clock, for one question
MEMORY: Final = 512 * 1024 * 1024  # bytes of address space
LARGEST: Final = 1_000_000  # bytes of an answer: a customer's mail is 20 to 40 KB
_STARTS: Final = 30.0  # seconds that a new child may take on a busy machine; a third of one is usual
_CHUNK: Final = 65_536
_GRACE: Final = 1.0  # seconds after which the kernel ends a child that nobody has ended
_HEAD: Final = struct.Struct(">cI")  # what it is, and how many bytes of it
_ANSWER, _PROBLEM, _MEMORY, _DEPTH = b"A", b"P", b"M", b"D"
# -I: neither environment nor working folder decide what is imported; -B: nothing is written beside it.
_BEGIN: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; from streams.templating.apart import main; main(sys.argv[1])"
)

Work = Callable[[bytes], bytes]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one question may cost: seconds of the wall clock, bytes of memory, bytes of answer."""

    seconds: float = SECONDS
    memory: int = MEMORY
    answer: int = LARGEST


class Apart:
    """A child that does one kind of work, one question at a time.

    ``work`` is ``module:function``; the function takes nothing and returns what answers questions, bytes
    to bytes. It is called once in the child, whose time begins to count with the first question.
    """

    def __init__(self, work: str, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.stopped = 0
        self._work = work
        self._turn = asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None
        self._closed = False
        self._next: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Return the number of the child that is there now."""
        return None if self._child is None else self._child.pid

    async def begin(self) -> None:
        """Have a child ready before the first question."""
        async with self._turn:
            await self._ready()

    async def ask(self, question: bytes) -> bytes:
        """Return the answer to a question.

        Raises:
            TemplateProblem: what the child says is wrong; or ``studio-stopped``: it took too long, too
                much memory or too many words, and was ended.
        """
        async with self._turn:
            child = await self._ready()
            try:
                async with asyncio.timeout(self.limits.seconds):
                    what, answer = await self._exchange(child, question)
            except TimeoutError:
                await self._end()
                raise self._stopped(f"it was not done after {self.limits.seconds:g} seconds") from None
            except (asyncio.IncompleteReadError, ConnectionError, BrokenPipeError):
                code = await self._end()
                raise _closing() if self._closed else self._stopped(_last_words(code)) from None
            except BaseException:  # its answer would be taken for that of the next question
                await self._end()
                raise
            return await self._told(what, answer)

    async def close(self) -> None:
        """End the child, whatever it is doing; who still waits for an answer is told."""
        self._closed = True
        if self._next is not None:
            self._next.cancel()
        await self._end()

    async def _ready(self) -> asyncio.subprocess.Process:
        if self._closed:
            raise _closing()
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-B", "-c", _BEGIN, self._work, *sys.path),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us: a child ends when its questions do
            )
            await self._greet(self._child)
        return self._child

    async def _greet(self, child: asyncio.subprocess.Process) -> None:
        """Wait until a new child has read its libraries and taken its limits."""
        try:
            async with asyncio.timeout(_STARTS):
                await self._exchange(child, msgspec.json.encode(self.limits))
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            code = await self._end()
            raise WorldProblem(
                "studio-no-child",
                "the process in which drafts are worked on does not start",
                why=f"it ended with {code}" if code != -signal.SIGKILL else f"not within {_STARTS:g} seconds",
                hint="look at the machine's memory and its limit of processes",
                retriable=True,
            ) from error
        except BaseException:
            await self._end()
            raise

    async def _exchange(self, child: asyncio.subprocess.Process, question: bytes) -> tuple[bytes, bytes]:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(_HEAD.pack(_ANSWER, len(question)) + question)
        await child.stdin.drain()
        what, size = _HEAD.unpack(await child.stdout.readexactly(_HEAD.size))
        if size > self.limits.answer:
            await self._end()
            raise self._stopped(f"its answer is larger than {self.limits.answer:,} bytes")
        return what, await child.stdout.readexactly(size)

    async def _told(self, what: bytes, answer: bytes) -> bytes:
        if what == _ANSWER:
            return answer
        if what == _PROBLEM:
            raise _problem(answer)
        await self._end()
        if what == _MEMORY:
            raise self._stopped(f"it needed more than {self.limits.memory // 1024**2} MB")
        raise self._stopped("it is nested too deeply")

    async def _end(self) -> int:
        child, self._child = self._child, None
        if child is None:
            return 0
        with suppress(ProcessLookupError):
            child.kill()
        await _hear_out(child)
        code = await child.wait()
        if child.stdin is not None:
            child.stdin.close()
        return code

    async def _renew(self) -> None:
        """Have the next child ready before somebody asks for it."""
        with suppress(WorldProblem):
            await self.begin()

    def _stopped(self, why: str) -> TemplateProblem:
        self.stopped += 1
        self._next = asyncio.create_task(self._renew())
        return TemplateProblem(
            "studio-stopped",
            "this draft was stopped before it was done",
            why=why,
            hint="nothing was saved or sent; look for something that is repeated or nested very often",
        )


async def _hear_out(child: asyncio.subprocess.Process) -> None:
    """Read what a child had said when it ended: asyncio reads no further on its own, and waits for the end of it."""
    assert child.stdout is not None
    with suppress(RuntimeError):  # somebody is reading already
        while await child.stdout.read(_CHUNK):
            pass


def _last_words(code: int) -> str:
    if code == -signal.SIGALRM:
        return "it was not done in time"
    return "it ended the process that worked on it, mostly because memory ran out"


def _closing() -> WorldProblem:
    return WorldProblem(
        "studio-closing",
        "the studio is being stopped",
        hint="start it again; nothing that was saved is lost",
    )


def _problem(answer: bytes) -> TemplateProblem:
    told = msgspec.json.decode(answer, type=dict[str, str])
    return TemplateProblem(
        told.get("code", "internal"),
        told.get("what", ""),
        where=told.get("where", ""),
        why=told.get("why", ""),
        hint=told.get("hint", ""),
    )


# ---------------------------------------------------------------------------- the child


def main(work: str) -> None:
    """Be the child: take limits, then questions, until there are no more."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    limits = msgspec.json.decode(_read(questions) or b"{}", type=Limits)
    module, _, function = work.partition(":")
    do: Work = getattr(import_module(module), function)()
    _confine(limits)
    _write(answers, _ANSWER, b"")
    while (question := _read(questions)) is not None:
        signal.setitimer(signal.ITIMER_REAL, limits.seconds + _GRACE)
        what, answer = _done(do, question)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(answers, what, answer)


def _confine(limits: Limits) -> None:
    """Take from this process what it does not need; none of it can be had back."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _done(do: Work, question: bytes) -> tuple[bytes, bytes]:
    try:
        return _ANSWER, do(question)
    except Problem as problem:
        return _PROBLEM, msgspec.json.encode(problem.told())
    except MemoryError:
        return _MEMORY, b""
    except RecursionError:
        return _DEPTH, b""
    except Exception as error:  # noqa: BLE001 - a person gets a word, never a traceback; the next question may be fine
        told = {
            "code": "internal",
            "what": "the studio made a mistake of its own",
            "why": type(error).__name__,
            "hint": "nothing was changed. Report it with the draft that did it",
        }
        return _PROBLEM, msgspec.json.encode(told)


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    _, size = _HEAD.unpack(head)
    return stream.read(size)


def _write(stream: BinaryIO, what: bytes, content: bytes) -> None:
    stream.write(_HEAD.pack(what, len(content)) + content)
    stream.flush()
