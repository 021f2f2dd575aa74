"""Work that no checker would let through, to see what the process that does it is held to."""

import ctypes
import json
import os
import sys
import time
from pathlib import Path


def spin():
    while True:
        pass


def sleep():
    time.sleep(3600)


def grow():
    kept = []
    while True:
        kept.append(bytearray(16 * 1024 * 1024))


def grow_at_once():
    return "a" * 2_000_000_000


def recurse():
    def deeper(depth):
        return deeper(depth + 1) + 1

    return deeper(0)


def talk():
    return "x" * 2_000_000


def chatter():
    print("this is no answer " * 10_000)
    os.write(1, b"nor is this")
    return "an answer"


def crash():
    ctypes.string_at(0)


def leave():
    os._exit(0)


def stumble():
    raise KeyError("customer@example.com")


def write(place):
    with Path(place).open("w") as file:
        file.write("anything")
    return "written"


def surroundings():
    return {"environment": sorted(os.environ), "folder": str(Path.cwd()), "stdin": sys.stdin.fileno()}


def echo(text="fine"):
    return text


def working():
    """Return what does any of the above by name."""

    def do(question):
        name, *arguments = json.loads(question)
        return json.dumps(globals()[name](*arguments)).encode()

    return do
