"""Installs the peers into the checkout's cache: a virtual environment for Python, jars for Java."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.kafka_install import Pins, cache, jars, locked

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# What translation, `step`, policy and codecs import; in the peers' environment as in ours.
OURS = ("babel", "holidays", "msgspec", "tzdata")


class NotInstallableError(Exception):
    """A peer cannot be had on this machine; says why."""


def python() -> Path:
    """Return the Python of the peers' environment; installs what is missing.

    Raises:
        NotInstallableError: pip could not bring a peer.
    """
    wanted = [
        line.strip()
        for line in (HERE / "requirements.txt").read_text("utf-8").splitlines()
        if line[:1] not in "# "
    ]
    wanted += [f"{name}=={version(name)}" for name in OURS]
    name = hashlib.sha256(repr([wanted, sys.version_info[:2]]).encode()).hexdigest()[:8]
    place = cache() / f"peers-{name}"
    with locked(place.name):
        if not (place / "ready").exists():
            shutil.rmtree(place, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(place)], "no virtual environment for the peers")
            pip = [
                str(place / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ]
            _run([*pip, *wanted], "pip could not install the peers")
            (place / "ready").touch()
    return place / "bin" / "python"


def java() -> list[str]:
    """Return what runs a Java source file with Kafka Streams; installs what is missing.

    Raises:
        NotInstallableError: there is no JDK.
        tests.kafka_install.KafkaRigError: Maven could not bring the jars.
    """
    compiler = shutil.which("javac")
    if compiler is None:
        raise NotInstallableError("Kafka Streams needs a JDK of version 17 or later: there is no javac")
    folder = jars(Pins.read(HERE / "kafka_streams.toml"))
    program = Path(compiler).with_name("java")
    return [str(program), "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{folder}/*"]


def _run(command: list[str], otherwise: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True)
    if done.returncode:
        raise NotInstallableError(f"{otherwise}:\n{(done.stdout + done.stderr)[-2000:].strip()}")
