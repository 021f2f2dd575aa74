"""Partitions folded side by side, each in a process of its own; the result is the same for any number of them."""

from __future__ import annotations

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

import msgspec

from streams.ops.history import Extent
from streams.problems import InputProblem, PolicyProblem, Problem, TemplateProblem, UsageProblem, WorldProblem

_T = TypeVar("_T")
_KINDS: dict[str, type[Problem]] = {
    one.__name__: one
    for one in (Problem, UsageProblem, InputProblem, PolicyProblem, TemplateProblem, WorldProblem)
}


class Moved(msgspec.Struct, frozen=True, array_like=True):
    """How far a partition has come: from ``started`` on, this run folded all before ``position``."""

    partition: int
    started: int
    position: int
    events: int


class Stop:
    """Whether the replay was asked to end; each process has its own copy, and is told by a signal."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, *_signal: object) -> None:
        """End behind the block that is folded now."""
        self.asked = True


Report = Callable[[Moved], None]
Job = Callable[[Extent, Report, Stop], _T]


class _Failed(msgspec.Struct, frozen=True):
    kind: str
    problem: dict[str, object]


class _Done(msgspec.Struct, frozen=True):
    result: object


def cores() -> int:
    """Return how many processes can work at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fold_all(job: Job[_T], extents: Sequence[Extent], *, jobs: int, report: Report, stop: Stop) -> list[_T]:
    """Do the job for every partition, ``jobs`` at a time, and return the results in the order of ``extents``.

    Raises:
        streams.problems.Problem: the first that a partition met; the other processes are ended.
        WorldProblem: ``replay-process-died``: one was killed.
    """
    if min(jobs, len(extents)) <= 1:
        usual = gc.get_threshold()
        _let_be_garbage()
        try:
            return [job(extent, report, stop) for extent in extents]
        finally:
            gc.set_threshold(*usual)
            gc.unfreeze()
    crew: _Crew[_T] = _Crew(job, extents, report, stop)
    try:
        return crew.work(jobs)
    finally:
        crew.end()


class _Crew(Generic[_T]):
    def __init__(self, job: Job[_T], extents: Sequence[Extent], report: Report, stop: Stop) -> None:
        self.job = job
        self.extents = extents
        self.report = report
        self.stop = stop
        self.running: dict[Connection, tuple[Extent, BaseProcess]] = {}
        self.results: dict[int, _T] = {}
        self.told = False

    def work(self, jobs: int) -> list[_T]:
        waiting = deque(self.extents)
        while waiting or self.running:
            while waiting and len(self.running) < jobs:
                self._begin(waiting.popleft())
            if self.stop.asked and not self.told:
                self._tell_all()
            for reader in wait(list(self.running), timeout=0.2):
                assert isinstance(reader, Connection)
                self._hear(reader)
        return [self.results[extent.partition] for extent in self.extents]

    def end(self) -> None:
        """Leave no process behind."""
        for reader, (_, process) in self.running.items():
            process.kill()
            process.join()
            reader.close()
        self.running = {}

    def _begin(self, extent: Extent) -> None:
        context = get_context("fork")
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(self.job, extent, writer, self.stop), daemon=True)
        process.start()
        writer.close()
        self.running[reader] = (extent, process)

    def _tell_all(self) -> None:
        self.told = True
        for _, process in self.running.values():
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGTERM)

    def _hear(self, reader: Connection) -> None:
        extent, process = self.running[reader]
        try:
            message = reader.recv()
        except EOFError as error:
            process.join()
            raise _died(extent, process.exitcode) from error
        if isinstance(message, Moved):
            self.report(message)
            return
        process.join()
        reader.close()
        del self.running[reader]
        if isinstance(message, _Failed):
            raise _KINDS[message.kind](**message.problem)  # type: ignore[arg-type]  # as as_json() wrote it
        self.results[extent.partition] = message.result


def _child(job: Job[_T], extent: Extent, writer: Connection, stop: Stop) -> None:
    signal.signal(signal.SIGTERM, stop.ask)
    signal.signal(signal.SIGINT, stop.ask)  # a terminal sends it to all of us
    _let_be_garbage()
    try:
        writer.send(_Done(job(extent, writer.send, stop)))
    except Problem as problem:
        kind = next(name for name, one in reversed(_KINDS.items()) if isinstance(problem, one))
        writer.send(_Failed(kind, problem.as_json()))
    except BrokenPipeError:
        pass  # who asked is gone


def _let_be_garbage() -> None:
    """Look for garbage seldom, and not in what is there: state only grows while events are folded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _died(extent: Extent, code: int | None) -> WorldProblem:
    return WorldProblem(
        "replay-process-died",
        f"the process of partition {extent.partition} died",
        where=f"journal[{extent.partition}]",
        why=f"its exit code is {code}; -9 is mostly the system that ran out of memory",
        hint="run it again with --jobs 1, or with --resume FILE to go on where it stood",
        retriable=True,
    )
