"""A colleague who reads over the writer's shoulder: rules about tone, size and completeness, one file each.

Rules read the *rendered* samples, because what a customer sees is what counts. Rules about language run
for the languages that they know; for another language they say nothing, and so does the report.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from importlib import import_module

from streams.problems import TemplateProblem
from streams.templating.catalogue import Catalogue
from streams.templating.lint import rules
from streams.templating.lint.finding import Finding, Found, Page, Rule
from streams.templating.lint.language import pack_for
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample

__all__ = ["Finding", "Found", "Page", "Rule", "lint", "rules_by_name"]


def rules_by_name() -> dict[str, Rule]:
    """Return every rule below ``lint/rules``; the file's name is the rule's."""
    names = sorted(module.name for module in pkgutil.iter_modules(rules.__path__))
    return {name: import_module(f"{rules.__name__}.{name}").RULE for name in names}


def lint(catalogue: Catalogue, only: Callable[[str], bool] = lambda _: True) -> list[Finding]:
    """Return what the rules find in the messages that ``only`` accepts by name, in order of place.

    A message that cannot be compiled or rendered is one finding with the rule ``cannot_render``.
    """
    renderer = CatalogueRenderer(catalogue)
    known = rules_by_name()
    findings: list[Finding] = []
    for name in filter(only, catalogue.messages):
        pages, broken = _pages(renderer, name)
        findings += broken
        for rule_name, rule in known.items():
            found = list(rule.message(catalogue, catalogue.messages[name]))
            found += [finding for page in pages for finding in rule.page(page)]
            findings += [_finding(rule_name, rule, one) for one in found]
    return sorted(_once(findings), key=lambda finding: (finding.where, finding.rule))


def _finding(name: str, rule: Rule, found: Found) -> Finding:
    return Finding(
        rule=name,
        severity=rule.severity,
        where=found.where,
        says=found.says,
        why=rule.why,
        source=rule.source,
        better=found.better,
    )


def _broken(problem: TemplateProblem, where: str) -> Finding:
    why = problem.why or "nobody can be sent what cannot be written"
    return Finding(
        rule="cannot_render",
        severity="error",
        where=where,
        says=problem.what,
        why=why,
        source=f"firstword explain {problem.code}",
        better=problem.hint or "",
    )


def _pages(renderer: CatalogueRenderer, name: str) -> tuple[list[Page], list[Finding]]:
    message = renderer.catalogue.messages[name]
    pages: list[Page] = []
    broken: list[Finding] = []
    for locale, words in message.words.items():
        for path in message.samples():
            try:
                queued = read_sample(path, name, locale)
                mail = renderer.render(queued)
            except TemplateProblem as problem:
                where = problem.where or words.place
                broken.append(_broken(problem, where))
                continue
            assert queued.letter is not None
            pages.append(
                Page(
                    message=message,
                    locale=locale,
                    pack=pack_for(locale),
                    brand=renderer.catalogue.brand,
                    where=f"{words.place} ({path.stem})",
                    words=words,
                    letter=queued.letter,
                    mail=mail,
                )
            )
    return pages, broken


def _once(findings: Iterable[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))
