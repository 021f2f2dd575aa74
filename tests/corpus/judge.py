"""Hands words to the lint as a writer would: the file as it stands, and the mail that comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from streams.core.events import Letter, MessageQueued
from streams.problems import TemplateProblem
from streams.templating.catalogue import Card, Catalogue, load_catalogue, read_words
from streams.templating.lint import Finding, judge_mail, judge_words, rules_by_name
from streams.templating.lint.finding import Quiet
from streams.templating.renderer import CatalogueRenderer
from tests.corpus.shelf import Item, WholeMail, framed

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
CARD = """\
purpose = "A mail of the corpus, to be judged."
owner = "Customer care"
kinds = ["lost"]
slots = ["responsibility", "repair", "next_step"]
"""
NOTE = """\
purpose = "A note of the corpus, to be judged."
owner = "Customer care"
slots = ["next_step"]
regret = false
"""
LETTER = {
    "to": "ada@example.org",
    "customer_name": "Ada Pereira",
    "time_zone": "America/New_York",
    "country": "US",
    "carrier": "Example Post",
    "tracking_number": "EX123456789US",
    "kinds": ["lost"],
    "apologize": True,
}


def judged(everything: Iterable[Item | WholeMail]) -> list[tuple[Item | WholeMail, list[Finding]]]:
    """Return what the lint finds in each: in the words as written, and in the mail where its rule reads mails."""
    numbered = {f"corpus_{number:05}": one for number, one in enumerate(everything)}
    with TemporaryDirectory() as name:
        for message, one in numbered.items():
            _write(Path(name) / message, one)
        catalogue = load_catalogue(TEMPLATES, Path(name))
        renderer = CatalogueRenderer(catalogue)
        return [(one, _findings(catalogue, renderer, message, one)) for message, one in numbered.items()]


def _write(folder: Path, one: Item | WholeMail) -> None:
    folder.mkdir()
    (folder / "message.toml").write_text(NOTE if one.note else CARD, encoding="utf-8")
    (folder / "en.md").write_text(framed("en", "sentence", "", note=one.note), encoding="utf-8")
    (folder / f"{one.locale}.md").write_text(one.words, encoding="utf-8")


def _findings(
    catalogue: Catalogue, renderer: CatalogueRenderer, message: str, one: Item | WholeMail
) -> list[Finding]:
    card: Card = catalogue.messages[message].card
    words = read_words(one.words, f"{one.locale}.md")
    found = judge_words(words, one.locale, card)
    if isinstance(one, Item) and (not _reads_mails(one.rule) or _spoke(one.rule, found)):
        return found
    queued = _queued(message, one)
    assert queued.letter is not None
    try:
        mail = renderer.render(queued)
    except TemplateProblem as problem:
        raise AssertionError(f"{one.words}\n\n{problem}") from problem
    return found + judge_mail(mail, queued.letter, card, one.locale, catalogue.brand)


@cache
def _reads_mails(rule: str) -> bool:
    """Tell whether a rule looks at rendered mails: the others need none, which saves a minute."""
    known = rules_by_name().get(rule)
    return known is None or getattr(type(known), "page", None) is not Quiet.page


def _spoke(rule: str, findings: list[Finding]) -> bool:
    return any(finding.rule == rule for finding in findings)


def _queued(message: str, one: Item | WholeMail) -> MessageQueued:
    regret = {"apologize": not one.note}
    return MessageQueued(
        order_id="ORD-1040",
        decision_id="corpus",
        message_id="corpus",
        case_id="corpus",
        template=message,
        locale=one.locale,
        to_hash="corpus",
        letter=msgspec.convert(LETTER | regret, Letter),
    )
