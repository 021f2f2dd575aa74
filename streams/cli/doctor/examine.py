"""Everything that the doctor looks at, in the order in which one thing needs the other."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import streams
from streams.cli.doctor.brokers import look_at_kafka
from streams.cli.doctor.check import Check, broken, fine
from streams.cli.doctor.database import look_at_database
from streams.cli.doctor.relay import look_at_mail
from streams.cli.doctor.storage import look_at_folder, look_at_journal, look_at_ledger, look_at_letters
from streams.clock import wall_now
from streams.problems import Problem
from streams.settings import Settings
from streams.wiring import mail_url

_OLDEST, _NEWEST = (3, 11), (3, 13)  # as in pyproject.toml
_NOBODY = ("example.com", "example.org", "example.net", ".example", ".invalid")  # RFC 2606
# Compiled parts: a wheel for another machine imports as nothing.
_NATIVE = ("msgspec", "mrml", "zint")


def examine(settings: Settings) -> list[Check]:
    """Return what was found, in order; nothing is changed."""
    looks: tuple[Callable[[Settings], Iterable[Check]], ...] = (
        _program,
        _native,
        _parts,
        _clock,
        _zones,
        _templates,
        _policy,
        _stories,
        _brand,
        look_at_folder,
        look_at_journal,
        look_at_letters,
        look_at_ledger,
        look_at_database,
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
    ours = sys.version_info[:2]
    if _OLDEST <= ours <= _NEWEST:
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


def _parts(_settings: Settings) -> Iterator[Check]:
    """Name the parts that decide how the product behaves; those that are pinned must be the ones that were measured."""
    from streams.cli.version import PARTS

    found = {name: _number(name) for name in PARTS}
    wrong = [f"{name} {_number(name)}, not {wanted}" for name, wanted in _pinned() if _number(name) != wanted]
    if wrong:
        yield Check(
            what="parts", state="act", says=", ".join(wrong), do="install firstword again, with its own parts"
        )
    else:
        yield fine("parts", ", ".join(f"{name} {number or 'missing'}" for name, number in found.items()))


def _number(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _pinned() -> Iterator[tuple[str, str]]:
    """Yield the parts that are wanted in one version only, where firstword was installed and not just copied."""
    try:
        wanted = requires("firstword") or []
    except PackageNotFoundError:
        return
    for text in wanted:
        name, equals, number = text.partition("==")
        if equals and ";" not in text:
            yield name.strip(), number.strip()


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
    from streams.templating.watching import unfit

    catalogue = load_catalogue(templates_dir(), settings.templates)
    wrong = CatalogueRenderer(catalogue).check()
    yield from (broken("templates", problem) for problem in wrong)
    if not wrong and (refusal := unfit(catalogue, load_catalogue(templates_dir()))) is not None:
        yield Check(
            what="templates",
            state="look",
            says=f"{refusal.where}: {refusal.why} [{refusal.code}]; a running process keeps the words of before",
            do="firstword templates lint"
            + (f" --templates {settings.templates}" if settings.templates else ""),
        )
    elif not wrong:
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


def _stories(settings: Settings) -> Iterator[Check]:
    """Tell the stories of the program to the shop's policy and words: another answer may be meant."""
    from streams.assets import templates_dir
    from streams.ops.rehearse.reading import read_story, shipped
    from streams.ops.rehearse.stage import rehearse
    from streams.policies.loader import load_policy
    from streams.templating.catalogue import load_catalogue
    from streams.templating.renderer import CatalogueRenderer

    try:
        catalogue = load_catalogue(templates_dir(), settings.templates)
        policy = load_policy(settings.policy, templates=catalogue.messages)
    except Problem:  # said above, where policy and templates are looked at
        return
    stories = [read_story(path, policy.shop.time_zone, catalogue.messages) for path in shipped()]
    renderer = CatalogueRenderer(catalogue)
    done = [rehearse(story, lambda _own: policy, renderer) for story in stories]
    other = [one.story.title for one in done if not one.passed]
    if not other:
        yield fine("stories", f"{len(done)} go as written")
        return
    yield Check(
        what="stories",
        state="look",
        says=f"{len(other)} of {len(done)} go otherwise, first: {other[0]}",
        do="`firstword rehearse` says how; where it is meant, keep stories of your own",
    )


def _brand(settings: Settings) -> Iterator[Check]:
    """The words come with an invented shop; a relay would send its name and address to real customers."""
    from streams.cli.brand import brand_of

    sender = brand_of(settings).sender
    invented = [one for one in (sender.from_address, sender.reply_to) if one.endswith(_NOBODY)]
    if not invented:
        yield fine("brand", f"{sender.from_address}, answers to {sender.reply_to}")
        return
    if mail_url(settings).startswith("maildir:"):
        yield fine("brand", f"an invented shop at {sender.from_address}, as long as no mail leaves")
        return
    yield Check(
        what="brand",
        state="look",
        says=f"{' and '.join(invented)} cannot be answered: nobody has that domain",
        do="put your own shop into brand.toml before the first mail goes out",
    )
