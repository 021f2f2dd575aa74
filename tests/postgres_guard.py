"""Runs one PostgreSQL beside a test run and ends with it, however the run ends.

A program of its own: ``python postgres_guard.py RUN_PID FOLDER COMMAND...``. It starts the command, sleeps
until the run or the command is gone, ends the command, and removes the folder when the run is gone.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_BLINK = 0.05  # seconds between two looks


def main() -> None:
    """Guard one server."""
    run, folder, command = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, **as_somebody())
    while server.poll() is None and _is_alive(run):
        time.sleep(_BLINK)
    if not _is_alive(run):
        server.send_signal(signal.SIGQUIT)  # "immediate": nobody will read what it holds
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def as_somebody() -> dict[str, Any]:
    """Return who runs the server: PostgreSQL refuses to be root, so root lends it to ``nobody``."""
    return {"user": "nobody", "group": _group_of_nobody(), "extra_groups": []} if os.geteuid() == 0 else {}


def _group_of_nobody() -> int:
    import pwd

    return pwd.getpwnam("nobody").pw_gid


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_defunct(pid)


def _is_defunct(pid: int) -> bool:
    """Return whether only an entry in the table of processes is left, for a parent that does not ask."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


if __name__ == "__main__":
    main()
