"""How messages stand: what they are, what the rules say of them, and whether somebody has accepted them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streams.problems import TemplateProblem
from streams.templating.catalogue import Message
from streams.templating.dialogue import Standing, Told
from streams.templating.goldens import differences
from streams.templating.lint.finding import Finding
from streams.templating.lint.language import pack_for
from streams.templating.renderer import CatalogueRenderer
from streams.templating.sources import Source


def told_of(message: Message) -> Told:
    """Return a message as a list shows it."""
    own = message.own
    return Told(
        name=message.name,
        purpose=message.card.purpose,
        owner=message.card.owner,
        kinds=tuple(message.card.kinds),
        uses=message.card.uses,
        samples=tuple(path.stem for path in message.samples()),
        variants=tuple(message.card.variants),
        locales={locale: f"{locale}.md" in own for locale in message.words},
    )


def told_of_broken(name: str, problem: TemplateProblem, sources: Mapping[str, Source]) -> Told:
    """Return a message that cannot be read, as a list shows it: with the reason."""
    return Told(name=name, locales=dict.fromkeys(_locales_of(name, sources), False), problem=problem.told())


def _locales_of(name: str, sources: Mapping[str, Source]) -> list[str]:
    files = [source.file for source in sources.values() if source.folder == name]
    return sorted(file.removesuffix(".md") for file in files if file.endswith(".md"))


def all_broken(name: str, sources: Mapping[str, Source]) -> tuple[Standing, ...]:
    """Return how the words of a message stand that cannot be read."""
    return tuple(Standing(locale=locale, state="broken", errors=1) for locale in _locales_of(name, sources))


def standing_of(locale: str, place: str, found: list[Finding], golden: str) -> Standing:
    """Return how the words of one locale stand, by what the rules found in all of them."""
    ours = [one for one in found if is_about(one.where, place)]
    errors = sum(one.severity == "error" for one in ours)
    warnings = len(ours) - errors
    if any(one.rule == "cannot_render" for one in ours):
        state = "broken"
    elif errors:
        state = "errors"
    elif warnings:
        state = "warnings"
    else:
        state = "clean" if pack_for(locale.partition("@")[0]) is not None else "not_checked"
    return Standing(locale=locale, state=state, errors=errors, warnings=warnings, golden=golden)


def goldens_of(renderer: CatalogueRenderer, message: Message) -> dict[str, str]:
    """Return, by locale, whether the accepted renderings are those of today: ``same``, ``differs`` or ``none``."""
    found: dict[str, str] = {}
    for locale, words in message.words.items():
        try:
            off = differences(renderer, replace(message, words={locale: words}))
        except TemplateProblem:
            found[locale] = "none"
            continue
        if not message.samples() or (off and all(one.accepted is None for one in off)):
            found[locale] = "none"
        else:
            found[locale] = "differs" if off else "same"
    return found


def is_about(where: str, place: str) -> bool:
    """True when a finding is about a file: ``lost/en.md:7``, ``lost/en.md (worst)``."""
    return where == place or where.startswith((f"{place}:", f"{place} "))
