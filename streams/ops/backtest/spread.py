"""Work on all cores: every task in a process of its own, so many at a time, each telling how far it is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from streams.problems import Problem, WorldProblem

_Task = TypeVar("_Task")
_Done = TypeVar("_Done")
Moved = Callable[[int], None]
Work = Callable[[_Task, Moved], _Done]

_MOVED, _DONE, _PROBLEM, _BROKEN = range(4)
_processes = multiprocessing.get_context("fork")  # a child inherits the history and the policies as they are


def spread(
    tasks: Sequence[_Task], work: Callable[[_Task, Moved], _Done], *, jobs: int, moved: Moved
) -> list[_Done]:
    """Return what ``work`` makes of each task, in the tasks' order; with one job, in this process.

    Raises:
        WorldProblem: ``process-died``: a process was ended from outside.
        Problem: whatever the work raised first.
    """
    if jobs <= 1 or len(tasks) <= 1:
        return [work(task, moved) for task in tasks]
    results: dict[int, _Done] = {}
    waiting = list(enumerate(tasks))
    running: dict[Connection, tuple[int, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, task = waiting.pop(0)
                with _uninterrupted():  # a child that nobody knows of would go on by itself
                    mine, process = _start(work, task)
                    running[mine] = (number, process)
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                number, process = running[connection]
                kind, value = _hear(connection, process)
                if kind == _MOVED:
                    moved(value)
                    continue
                del running[connection]
                process.join()
                results[number] = _result(kind, value)
    finally:
        for connection, (_, process) in running.items():
            process.terminate()
            process.join()
            connection.close()
    return [results[number] for number in range(len(tasks))]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(work: Callable[[_Task, Moved], _Done], task: _Task) -> tuple[Connection, Any]:
    mine, its = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_child, args=(its, work, task), daemon=True)
    process.start()
    its.close()  # so that the end of the process is the end of the pipe
    return mine, process


def _child(pipe: Connection, work: Callable[[_Task, Moved], _Done], task: _Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who is interrupted is the parent, and it ends us
    with suppress(BrokenPipeError):  # the parent is gone
        _tell(pipe, work, task)
    os._exit(0)  # what is open in here (bars, files, browsers of a test) is the parent's to close


def _tell(pipe: Connection, work: Callable[[_Task, Moved], _Done], task: _Task) -> None:
    try:
        done = work(task, lambda count: pipe.send((_MOVED, count)))
    except Problem as problem:
        pipe.send((_PROBLEM, (type(problem), problem.as_json())))
    except BrokenPipeError:
        raise
    except Exception:  # noqa: BLE001 - told in the parent, where somebody listens
        pipe.send((_BROKEN, traceback.format_exc()))
    else:
        pipe.send((_DONE, done))
    pipe.close()


def _hear(connection: Connection, process: Any) -> tuple[int, Any]:
    try:
        said: tuple[int, Any] = connection.recv()
    except EOFError as error:
        process.join()
        raise WorldProblem(
            "process-died",
            "a process that folded a part of the history was ended",
            where=f"process {process.pid}",
            why=f"it ended with {process.exitcode}; -9 is most often a machine without memory left",
            hint="run it again with fewer at a time: --jobs 1",
        ) from error
    return said


def _result(kind: int, value: Any) -> Any:
    if kind == _DONE:
        return value
    if kind == _PROBLEM:
        cls, said = value
        raise cls(said.pop("code"), said.pop("what"), **said)
    raise RuntimeError(value)
