"""Brings a database's tables to what this program wants, one numbered step after another, and never back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from streams.problems import WorldProblem
from streams.storage.engine import open_engine

_FOLDER: Final = Path(__file__).with_name("migrations")
_STEPS: Final = sorted(path.name.partition("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*.py"))
_TURN: Final = 0x66697273_74776F72  # the advisory lock's number in PostgreSQL: "firstwor"
_WAIT: Final = 60_000  # milliseconds; who comes second waits for a whole upgrade, on a busy machine too
_one_at_a_time = threading.Lock()  # Alembic keeps its context in one place per process


def upgrade(url: str) -> None:
    """Bring the database at a SQLAlchemy URL (or a SQLite path) up to date; safe from many processes at once.

    Raises:
        streams.problems.UsageProblem: the URL cannot be used.
        streams.problems.WorldProblem: the database cannot be reached, or a newer program has written it.
    """
    with _engine(url) as engine:
        upgrade_engine(engine)


def check(url: str) -> None:
    """Say nothing when the database is as this program wants it; nothing is written.

    Raises:
        streams.problems.UsageProblem: the URL cannot be used.
        streams.problems.WorldProblem: it cannot be reached, or is older or newer than the program.
    """
    with _engine(url) as engine:
        stand = None if _is_absent(engine) else _read(engine)
        if stand != _STEPS[-1]:
            raise _older(engine, stand)


def upgrade_engine(engine: Engine) -> None:
    """Do the same as :func:`upgrade` over an engine that is open already.

    Raises:
        streams.problems.WorldProblem: a newer program has written the database.
        sqlalchemy.exc.SQLAlchemyError: it cannot be reached or changed.
    """
    if _read(engine) == _STEPS[-1]:
        return
    with _one_at_a_time, engine.begin() as connection:
        _take_turn(connection)
        if _stand(connection) != _STEPS[-1]:  # nobody else was faster
            _step_up(connection, _STEPS[-1])


def _take_turn(connection: Connection) -> None:
    """Wait until no other process changes the tables; the turn ends with the transaction."""
    if connection.dialect.name == "sqlite":
        usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_WAIT}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual}")
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")


def _step_up(connection: Connection, step: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic reads options as ConfigParser does, where a percent sign begins a reference.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, step)


def _read(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return _stand(connection)


def _stand(connection: Connection) -> str | None:
    """Return the step that the database has come to, None before the first.

    Alembic could tell, too, but takes longer to import than most commands take.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    stand = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if stand is not None and stand not in _STEPS:
        raise _newer(connection.engine, str(stand))
    return stand


def _is_absent(engine: Engine) -> bool:
    """Return whether it is a SQLite file that is not there: a look would create it."""
    name = engine.url.database
    return engine.dialect.name == "sqlite" and (not name or not Path(name).exists())


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    try:
        yield engine
    except SQLAlchemyError as error:
        # The first line only, and of the driver's error: SQLAlchemy's own text goes on for a page.
        cause = getattr(error, "orig", None) or error
        raise WorldProblem(
            "storage-unusable",
            "the database cannot be used",
            where=_place(engine),
            why=f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}",
            hint="see that the server runs, and that this user may connect and create tables",
            retriable=True,
        ) from error
    finally:
        engine.dispose()


def _newer(engine: Engine, stand: str) -> WorldProblem:
    return WorldProblem(
        "storage-newer",
        "a newer firstword has changed the tables of this database",
        where=_place(engine),
        why=f"they are at step {stand}, and this program knows the steps up to {_STEPS[-1]}",
        hint="upgrade this program; going back needs a backup from before the upgrade",
    )


def _older(engine: Engine, stand: str | None) -> WorldProblem:
    return WorldProblem(
        "storage-older",
        "the tables of this database are not yet what this program wants",
        where=_place(engine),
        why=f"they are at step {stand or 'none'}, and this program wants step {_STEPS[-1]}",
        hint="keep a backup, then let any process of this version open it: it upgrades the tables first",
    )


def _place(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
