"""Opens the SQL store: what every connection needs to be told, and which databases we speak to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from streams.problems import UsageProblem
from streams.storage.write_ahead import write_ahead

Synchronous = Literal["FULL", "NORMAL"]

_DRIVERS: Final = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",  # as many hosts still write it
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
# A server that vanished without a word is noticed after half a minute, and not after the two hours of TCP's
# own patience. What the URL says itself stands.
_POSTGRESQL_LINE: Final[dict[str, str | int]] = {
    "connect_timeout": 10,
    "tcp_user_timeout": 30_000,  # milliseconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "fallback_application_name": "firstword",
}
# Where the server or the role says nothing, or is careless: a commit is on disk when it returns, and a
# process that was stopped in the middle of a transaction does not hold up all others for ever.
_POSTGRESQL_CARE: Final = """
SELECT set_config(name, careful, false)
FROM (VALUES ('synchronous_commit', 'off', 'on'),
             ('statement_timeout', '0', '30s'),
             ('idle_in_transaction_session_timeout', '0', '60s')) AS care (name, careless, careful)
WHERE current_setting(name) = careless
"""


def open_engine(url: str, *, synchronous: Synchronous = "FULL") -> Engine:
    """Return the way to the database at a SQLAlchemy URL or a path to a SQLite file; nothing is connected yet.

    ``synchronous`` is SQLite's own setting.

    Raises:
        streams.problems.UsageProblem: the URL is none, or of a database that we do not speak to.
    """
    location = _location(url)
    if location.get_backend_name() == "sqlite":
        engine = create_engine(location)
        event.listen(engine, "connect", lambda connection, _: _tune_sqlite(connection, synchronous))
        return engine
    line = {name: value for name, value in _POSTGRESQL_LINE.items() if name not in location.query}
    engine = create_engine(
        location,
        connect_args=line,
        isolation_level="READ COMMITTED",  # our compare-and-sets are written for it
        pool_pre_ping=True,  # a server that was restarted costs nobody an error
    )
    event.listen(engine, "connect", lambda connection, _: _tune_postgresql(connection))
    return engine


def _location(url: str) -> URL:
    if "://" not in url:
        return make_url(f"sqlite:///{Path(url)}")
    try:
        location = make_url(url)
    except ArgumentError as error:
        raise _unusable("It cannot be read as a URL.") from error
    driver = _DRIVERS.get(location.drivername)
    if driver is None:
        raise _unusable(f"Nothing here speaks {location.drivername}.")
    return location.set(drivername=driver)


def _tune_sqlite(connection: Any, synchronous: Synchronous) -> None:
    """Set what SQLite forgets between connections; 10 s cover another process's longest commit.

    A checkpoint waits for the disk whatever ``synchronous`` says: every 40 MB instead of every 4.
    """
    for pragma in ("busy_timeout=10000", f"synchronous={synchronous}", "wal_autocheckpoint=10000"):
        connection.execute(f"PRAGMA {pragma}").close()
    write_ahead(connection)


def _tune_postgresql(connection: Any) -> None:
    connection.execute(_POSTGRESQL_CARE).close()
    connection.commit()


def _unusable(why: str) -> UsageProblem:
    # The URL itself is not repeated: it may hold a password.
    return UsageProblem(
        "storage-url",
        "the URL of the database cannot be used",
        why=why,
        hint="write postgresql://USER:PASSWORD@HOST/DATABASE, or the path of a SQLite file",
    )
