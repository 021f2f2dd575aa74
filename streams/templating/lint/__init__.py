"""A colleague who reads over the writer's shoulder: rules about tone, size and completeness, one file each.

Rules read the words as the writer sees them (a *draft*, every branch of it) and the samples as a customer
sees them (a *page*). Rules about language run for the languages that have a pack; :func:`not_checked`
tells which have none.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module

from streams.core.events import Letter
from streams.pipeline.ports import RenderedMail
from streams.problems import TemplateProblem
from streams.templating.brand import Brand
from streams.templating.catalogue import Card, Catalogue, Message, Words
from streams.templating.lint import rules
from streams.templating.lint.finding import Draft, Finding, Found, Page, Rule
from streams.templating.lint.language import pack_for
from streams.templating.lint.passages import passages_of
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample

__all__ = [
    "Draft",
    "Finding",
    "Found",
    "Page",
    "Rule",
    "cannot_render",
    "judge_mail",
    "judge_words",
    "lint",
    "not_checked",
    "rules_by_name",
]


@cache
def _rules() -> dict[str, Rule]:
    names = sorted(module.name for module in pkgutil.iter_modules(rules.__path__))
    return {name: import_module(f"{rules.__name__}.{name}").RULE for name in names}


def rules_by_name() -> dict[str, Rule]:
    """Return every rule below ``lint/rules``; the file's name is the rule's."""
    return dict(_rules())


def not_checked(catalogue: Catalogue) -> list[str]:
    """Return the locales whose words no rule about language reads, because nobody wrote a pack."""
    spoken = {locale for message in catalogue.messages.values() for locale in message.words}
    return sorted(locale for locale in spoken if pack_for(locale) is None)


def judge_words(words: Words, locale: str, card: Card) -> list[Finding]:
    """Return what the rules find in one file of words, as it is written, in order of lines.

    Words that are no template at all are one finding with the rule ``cannot_render``.
    """
    try:
        passages = passages_of(words)
    except TemplateProblem as problem:
        return [cannot_render(problem, words.place)]
    draft = Draft(locale=locale, pack=pack_for(locale), card=card, words=words, passages=passages)
    found = [_finding(name, rule, one) for name, rule in _rules().items() for one in rule.draft(draft)]
    return sorted(_once(found), key=_place)


def judge_mail(mail: RenderedMail, letter: Letter, card: Card, locale: str, brand: Brand) -> list[Finding]:
    """Return what the rules find in one rendered mail; ``where`` of a finding is ``mail``."""
    page = Page(
        card=card, locale=locale, pack=pack_for(locale), brand=brand, where="mail", letter=letter, mail=mail
    )
    return _once(_judged(page))


def lint(catalogue: Catalogue, only: Callable[[str], bool] = lambda _: True) -> list[Finding]:
    """Return what the rules find in the messages that ``only`` accepts by name, in order of place.

    A message that cannot be compiled or rendered is one finding with the rule ``cannot_render``.
    """
    renderer = CatalogueRenderer(catalogue)
    findings: list[Finding] = []
    for name in filter(only, catalogue.messages):
        message = catalogue.messages[name]
        for rule_name, rule in _rules().items():
            findings += [_finding(rule_name, rule, one) for one in rule.message(catalogue, message)]
        for locale in message.words:
            findings += _locale(renderer, message, locale)
    return sorted(_once(findings), key=_place)


def _locale(renderer: CatalogueRenderer, message: Message, locale: str) -> list[Finding]:
    """Return what is wrong with one language; a rule that spoke of the words need not repeat it for every sample."""
    words = message.words[locale]
    found = judge_words(words, locale, message.card)
    spoken = {finding.rule for finding in found}
    for page in _pages(renderer, message, locale):
        if isinstance(page, Finding):
            found.append(page)
        else:
            found += [finding for finding in _judged(page) if finding.rule not in spoken]
    return found


def _judged(page: Page) -> Iterator[Finding]:
    for name, rule in _rules().items():
        yield from (_finding(name, rule, one) for one in rule.page(page))


def _pages(renderer: CatalogueRenderer, message: Message, locale: str) -> Iterator[Page | Finding]:
    words = message.words[locale]
    for path in message.samples():
        try:
            queued = read_sample(path, message.name, locale)
            mail = renderer.render(queued)
        except TemplateProblem as problem:
            yield cannot_render(problem, problem.where or words.place)
            continue
        assert queued.letter is not None
        yield Page(
            card=message.card,
            locale=locale,
            pack=pack_for(locale),
            brand=renderer.catalogue.brand,
            where=f"{words.place} ({path.stem})",
            letter=queued.letter,
            mail=mail,
        )


def _finding(name: str, rule: Rule, found: Found) -> Finding:
    return Finding(
        rule=name,
        severity=rule.severity,
        where=found.where,
        says=found.says,
        why=rule.why,
        source=rule.source,
        better=found.better,
        match=found.match,
    )


def cannot_render(problem: TemplateProblem, where: str = "") -> Finding:
    """Return what stops a message from being rendered as a finding; ``where`` is told where the problem does not say."""
    why = problem.why or "nobody can be sent what cannot be written"
    return Finding(
        rule="cannot_render",
        severity="error",
        where=problem.where or where,
        says=problem.what,
        why=why,
        source=f"firstword explain {problem.code}",
        better=problem.hint or "",
    )


def _place(finding: Finding) -> tuple[str, int, str]:
    """Order by file, then line as a number, then rule."""
    place, _, line = finding.where.rpartition(":")
    return (place, int(line), finding.rule) if line.isdigit() else (finding.where, 0, finding.rule)


def _once(findings: Iterable[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))
