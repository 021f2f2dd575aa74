"""Everything that the doctor looks at, in the order in which one thing needs the other."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path

import streams
from streams.cli.doctor.brokers import look_at_kafka
from streams.cli.doctor.check import Check, broken, fine
from streams.cli.doctor.relay import look_at_mail
from streams.cli.doctor.storage import look_at_folder, look_at_journal, look_at_ledger
from streams.clock import wall_now
from streams.problems import Problem
from streams.settings import Settings

_OLDEST, _NEWEST = (3, 11), (3, 13)  # as in pyproject.toml
# Compiled parts: a wheel for another machine imports as nothing.
_NATIVE = ("msgspec", "mrml", "zint")


def examine(settings: Settings) -> list[Check]:
    """Return what was found, in order; nothing is changed."""
    looks: tuple[Callable[[Settings], Iterable[Check]], ...] = (
        _program,
        _native,
        _clock,
        _zones,
        _templates,
        _policy,
        look_at_folder,
        look_at_journal,
        look_at_ledger,
        look_at_mail,
        look_at_kafka,
    )
    found: list[Check] = []
    for look in looks:
        try:
            found += look(settings)
        except Problem as problem:
            found.append(broken(look.__name__.removeprefix("look_at_").removeprefix("_"), problem))
    return found


def _program(_settings: Settings) -> Iterator[Check]:
    version = sys.version_info[:2]
    if _OLDEST <= version <= _NEWEST:
        yield fine("python", platform.python_version())
    else:
        yield Check(
            what="python",
            state="act",
            says=f"{platform.python_version()}, and 3.11 to 3.13 are tested",
            do="run firstword with Python 3.11, 3.12 or 3.13",
        )
    yield fine("firstword", streams.__version__)


def _native(_settings: Settings) -> Iterator[Check]:
    for name in _NATIVE:
        try:
            import_module(name)
        except ImportError as error:
            yield Check(
                what=name, state="act", says=str(error), do="install firstword again, for this machine"
            )
        else:
            yield fine(name, "loads")


def _clock(_settings: Settings) -> Iterator[Check]:
    """A clock before the program's own files is a clock that was never set."""
    now = wall_now()
    written = Path(streams.__file__).stat().st_mtime
    if now.timestamp() + 86_400 < written:  # a day: files may come from another zone's builder
        yield Check(
            what="clock",
            state="act",
            says=f"{now:%Y-%m-%d %H:%M} UTC, which is before this program was installed",
            do="set the clock; promises are judged by it",
        )
    else:
        yield fine("clock", f"{now:%Y-%m-%d %H:%M} UTC")


def _zones(_settings: Settings) -> Iterator[Check]:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        ZoneInfo("America/Sao_Paulo")
    except ZoneInfoNotFoundError:
        yield Check(
            what="time zones",
            state="act",
            says="the database of time zones is missing",
            do="pip install tzdata",
        )
    else:
        yield fine("time zones", f"{len(available_timezones())} known")


def _templates(settings: Settings) -> Iterator[Check]:
    from streams.assets import templates_dir
    from streams.templating.catalogue import load_catalogue
    from streams.templating.renderer import CatalogueRenderer

    catalogue = load_catalogue(templates_dir(), settings.templates)
    wrong = CatalogueRenderer(catalogue).check()
    yield from (broken("templates", problem) for problem in wrong)
    if not wrong:
        words = sum(len(message.words) for message in catalogue.messages.values())
        yield fine("templates", f"{len(catalogue.messages)} messages, {words} texts, all can be sent")


def _policy(settings: Settings) -> Iterator[Check]:
    from streams.policies.loader import load_policy
    from streams.policies.testing import run_tests

    policy = load_policy(settings.policy)
    results = run_tests(settings.policy)
    failed = [result for result in results if not result.passed]
    if failed:
        yield Check(
            what="policy",
            state="act",
            says=f"{policy.version}: {len(failed)} of {len(results)} tests fail, first: {failed[0].name}",
            do="firstword policy test" + (f" {settings.policy}" if settings.policy else ""),
        )
    else:
        yield fine("policy", f"{policy.version}, {len(results)} tests pass")
