"""How often the lint is right: ``python -m tests.corpus.measure [--locale en] [--json | --toml | --floors | --misses]``.

Precision is the part of what a rule found that was bad; recall is the part of what was bad that it found.
Rules are tuned on the seen half; the held-out half tells what they are worth on words of somebody else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from streams.templating.lint import Finding
from tests.corpus.judge import judged
from tests.corpus.shelf import LOCALES, Item, WholeMail, items, mails

Key = tuple[str, str, str]  # locale, rule, part


@dataclass(slots=True, kw_only=True)
class Figures:
    """Counts of one rule in one language and half."""

    found: int = 0
    missed: int = 0
    false_alarms: int = 0
    left_alone: int = 0
    wrong: list[Item] = field(default_factory=list)

    def count(self, item: Item, *, spoke: bool) -> None:
        """Count one item, and keep it when the rule was wrong."""
        if item.way == "bad":
            self.found, self.missed = self.found + spoke, self.missed + (not spoke)
        else:
            self.false_alarms, self.left_alone = self.false_alarms + spoke, self.left_alone + (not spoke)
        if spoke != (item.way == "bad"):
            self.wrong.append(item)

    @property
    def precision(self) -> float:
        """Return how much of what was found is bad; 1 when nothing was found."""
        found = self.found + self.false_alarms
        return self.found / found if found else 1.0

    @property
    def recall(self) -> float:
        """Return how much of what is bad was found."""
        return self.found / (self.found + self.missed)


def figures(locales: Iterable[str] = LOCALES, rules: Iterable[str] = ()) -> dict[Key, Figures]:
    """Judge the sentences of some languages and count, per rule and half (``seen``, ``held_out``)."""
    only = set(rules)
    wanted = [item for locale in locales for item in items(locale) if not only or item.rule in only]
    counted: dict[Key, Figures] = defaultdict(Figures)
    for item, findings in judged(wanted):
        assert isinstance(item, Item)
        part = "seen" if item.seen else "held_out"
        spoke = any(finding.rule == item.rule for finding in findings)
        counted[item.locale, item.rule, part].count(item, spoke=spoke)
    return dict(counted)


def mail_verdicts(locales: Iterable[str] = LOCALES) -> list[tuple[WholeMail, list[Finding], set[str]]]:
    """Return for each whole mail the errors in it, and the rules that should have spoken and did not."""
    verdicts = []
    for mail, findings in judged([mail for locale in locales for mail in mails(locale)]):
        assert isinstance(mail, WholeMail)
        silent = set(mail.rules) - {finding.rule for finding in findings}
        verdicts.append((mail, [finding for finding in findings if finding.severity == "error"], silent))
    return verdicts


def _table(counted: dict[Key, Figures]) -> str:
    lines = [
        f"{'locale':7}{'rule':23}{'seen: precision':>16}{'recall':>8}{'held out: precision':>21}{'recall':>8}"
    ]
    for locale, rule in sorted({key[:2] for key in counted}):
        seen, held = (counted[locale, rule, part] for part in ("seen", "held_out"))
        lines.append(
            f"{locale:7}{rule:23}{seen.precision:16.2f}{seen.recall:8.2f}{held.precision:21.2f}{held.recall:8.2f}"
        )
    return "\n".join(lines)


def _plain(counted: dict[Key, Figures]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    told: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for (locale, rule, part), one in counted.items():
        numbers = {
            "found": one.found,
            "missed": one.missed,
            "false_alarms": one.false_alarms,
            "left_alone": one.left_alone,
            "precision": round(one.precision, 3),
            "recall": round(one.recall, 3),
        }
        told.setdefault(locale, {}).setdefault(rule, {})[part] = numbers
    return told


def _toml(counted: dict[Key, Figures]) -> str:
    lines = []
    for locale, rules in _plain(counted).items():
        lines.append(f"[{locale}]")
        for rule, parts in rules.items():
            halves = ", ".join(
                f"{part} = {{ precision = {one['precision']}, recall = {one['recall']} }}"
                for part, one in parts.items()
            )
            lines.append(f"{rule} = {{ {halves} }}")
        lines.append("")
    return "\n".join(lines)


def _floors(counted: dict[Key, Figures], locales: Iterable[str]) -> str:
    """Return today's figures minus a little, in the shape of ``floors.toml``."""
    lines = [
        "# What the lint has been measured to be worth, minus a little: tests/corpus/test_corpus.py holds it.",
        "[mails]",
    ]
    lines += [f"{locale} = {_floor(part)}" for locale, part in _told(locales).items()]
    for locale, rules in _plain(counted).items():
        lines += ["", f"[{locale}]"]
        for rule, parts in rules.items():
            halves = ", ".join(
                f"{part} = {{ precision = {_floor(one['precision'])}, recall = {_floor(one['recall'])} }}"
                for part, one in sorted(parts.items())
            )
            lines.append(f"{rule} = {{ {halves} }}")
    return "\n".join(lines)


def _floor(measured: float) -> float:
    return max(0.0, round(measured - 0.02, 2))


def _told(locales: Iterable[str]) -> dict[str, float]:
    """Return what part of the rules named for bad mails spoke."""
    named: dict[str, int] = defaultdict(int)
    silent: dict[str, int] = defaultdict(int)
    for mail, _, unspoken in mail_verdicts(locales):
        named[mail.locale] += len(mail.rules)
        silent[mail.locale] += len(unspoken)
    return {locale: 1 - silent[locale] / named[locale] for locale in locales}


def _misses(counted: dict[Key, Figures]) -> str:
    """Name what went wrong in the seen half only: the other half stays a surprise."""
    return "\n".join(
        f"{locale} {rule} {'missed' if item.way == 'bad' else 'false alarm'}: {item.text!r}"
        for (locale, rule, part), one in counted.items()
        if part == "seen"
        for item in one.wrong
    )


def _mail_lines(locales: Iterable[str]) -> str:
    lines = []
    for mail, errors, silent in mail_verdicts(locales):
        if mail.way == "good" and errors:
            lines += [f"{mail.locale} good/{mail.name}: {one.rule}: {one.says}" for one in errors]
        if silent:
            lines.append(f"{mail.locale} bad/{mail.name}: silent: {', '.join(sorted(silent))}")
    return "\n".join(lines)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locale", action="append", choices=LOCALES)
    parser.add_argument("--rule", action="append", default=[])
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="all counts")
    how.add_argument("--toml", action="store_true", help="the shape of first_figures.toml")
    how.add_argument("--floors", action="store_true", help="the figures minus a little, for floors.toml")
    how.add_argument(
        "--misses", action="store_true", help="what was wrong in the seen half, and in whole mails"
    )
    asked = parser.parse_args()
    locales = tuple(asked.locale or LOCALES)
    counted = figures(locales, asked.rule)
    if asked.json:
        sys.stdout.write(json.dumps(_plain(counted), indent=2) + "\n")
    elif asked.toml:
        sys.stdout.write(_toml(counted) + "\n")
    elif asked.floors:
        sys.stdout.write(_floors(counted, locales) + "\n")
    elif asked.misses:
        mail_lines = "" if asked.rule else _mail_lines(locales)
        sys.stdout.write(f"{_misses(counted)}\n\n{mail_lines}\n")
    else:
        sys.stdout.write(_table(counted) + "\n")


if __name__ == "__main__":
    main()
