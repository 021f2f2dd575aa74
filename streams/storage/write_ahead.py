"""Switches SQLite files to the write-ahead log, where readers never wait and a commit is one append."""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Final

_PATIENCE: Final = 60.0  # seconds; as long as who comes second waits for an upgrade
_PAUSE: Final = 0.02


def write_ahead(connection: Any) -> None:
    """Switch the file of a connection (the driver's, or one that looks like it) unless it is switched.

    Where two processes open a file that neither has switched, both hold it for reading and both want it
    alone: SQLite calls one of them busy at once, whatever it was told to wait (the "busy handler" is not
    asked where waiting could be a deadlock, https://sqlite.org/c3ref/busy_handler.html).

    Raises:
        sqlite3.OperationalError: it cannot be switched, or somebody holds it for a minute.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return
