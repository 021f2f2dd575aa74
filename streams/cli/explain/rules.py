"""Pages about the rules of the lint: what each looks for, why, and by whose word."""

from __future__ import annotations

from streams.cli.explain.page import Page, about, text_of
from streams.policies.loader import LoadedPolicy
from streams.templating.lint import Rule, rules_by_name
from streams.templating.lint.language import packs

GROUPS = {True: "what the words say", False: "what the mail is made of"}


def pages(_policy: LoadedPolicy | None = None) -> dict[str, Page]:
    """Return the page of every rule, errors first."""
    known = rules_by_name()
    order = sorted(known, key=lambda name: (not known[name].needs_pack, known[name].severity, name))
    return {name: _page(name, known[name]) for name in order}


def _page(name: str, rule: Rule) -> Page:
    languages = [
        locale for locale, pack in packs().items() if pack.of(name).forbidden or pack.of(name).required
    ]
    blocks = {"error": "blocks the release of a message", "warning": "asks for a reason, and stops nothing"}
    lines = [*text_of(type(rule)), "", f"why: {rule.why}"]
    if rule.source:
        lines.append(f"source: {rule.source}")
    lines.append(f"{rule.severity}: {blocks[rule.severity]}")
    if languages:
        lines.append(f"knows words in: {', '.join(languages)}")
    return Page(
        name=name,
        sentence=about(type(rule)),
        lines=tuple(lines),
        plain={
            "rule": name,
            "severity": rule.severity,
            "why": rule.why,
            "source": rule.source,
            "languages": languages,
        },
        group=GROUPS[rule.needs_pack],
    )
