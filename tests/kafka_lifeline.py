"""Becomes a broker that lives as long as somebody holds the other end of its standard input.

Run by path, without the project: ``python kafka_lifeline.py FOLDER COMMAND ...``. The process becomes the
command; a child of it reads standard input. Its end comes when everyone who held the other end has closed
it or died, however they died. Then the command is killed and its folder is removed.
"""

import os
import shutil
import signal
import sys
import time


def main() -> None:
    """Stand by from before the command runs, so that there is no moment without a guard."""
    folder, *command = sys.argv[1:]
    broker = os.getpid()
    if os.fork():
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(command[0], command)
    while os.read(0, 1024):
        pass
    if os.getppid() == broker:  # else it has ended, and its number may be another's by now
        os.kill(broker, signal.SIGKILL)
        while os.getppid() == broker:
            time.sleep(0.01)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
