"""The corpus as it lies on the disk: sentences and whole mails, each with what should be said of it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

CORPUS = Path(__file__).resolve().parent
LOCALES = ("en", "de", "es", "fr", "pt_BR")
TONE = (
    "subject_names_problem",
    "one_apology",
    "takes_responsibility",
    "repair_started",
    "one_next_step",
    "honest_dates",
    "named_person",
    "no_blame",
    "no_agentless_passive",
    "no_inconvenience",
    "no_empty_promise",
    "no_begging",
    "no_marketing",
    "no_customer_effort",
    "no_pressure",
    "no_minimizers",
    "no_hedges",
    "no_officialese",
    "no_presumed_thanks",
)
PLAIN = ("sentence_length", "long_words", "reading_grade")
PLACES = ("subject", "body", "responsibility", "repair", "next_step", "sentence")
Way = Literal["bad", "good"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One sentence, or one body: ``bad`` when its rule should speak. Rules are tuned on ``seen`` ones only."""

    locale: str
    rule: str
    way: Way
    position: int
    text: str
    words: str
    note: bool

    @property
    def seen(self) -> bool:
        """Every second item may be looked at while a rule is written; the others are held out."""
        return self.position % 2 == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeMail:
    """A mail as somebody would write it; a bad one names the rules that must speak."""

    locale: str
    name: str
    way: Way
    words: str
    rules: tuple[str, ...]

    @property
    def note(self) -> bool:
        """Tell whether it is a note about a return, which says sorry for nothing."""
        return self.name.startswith("note_")


def families(locale: str) -> dict[str, dict[str, Any]]:
    """Return what each ``<locale>/<rule>.toml`` holds, by rule."""
    paths = sorted(path for path in (CORPUS / locale).glob("*.toml") if path.stem != "frame")
    return {path.stem: _toml(path) for path in paths}


def items(locale: str) -> Iterator[Item]:
    """Yield every sentence of a language, in the mail that stands around it. Positions count from one."""
    for rule, family in families(locale).items():
        note = family.get("frame") == "note"
        for way in ("bad", "good"):
            for position, text in enumerate(family[way], start=1):
                words = framed(locale, family["as"], text, note=note)
                yield Item(
                    locale=locale, rule=rule, way=way, position=position, text=text, words=words, note=note
                )


def mails(locale: str) -> Iterator[WholeMail]:
    """Yield the whole mails of a language."""
    folder = CORPUS / locale / "mails"
    expected = _toml(folder / "bad" / "expected.toml")
    for way in ("bad", "good"):
        for path in sorted((folder / way).glob("*.md")):
            rules = tuple(expected[path.stem]) if way == "bad" else ()
            words = path.read_text(encoding="utf-8")
            yield WholeMail(locale=locale, name=path.stem, way=way, words=words, rules=rules)


def framed(locale: str, place: str, text: str, *, note: bool = False) -> str:
    """Return a file of words in which ``text`` stands in its place and everything else is fine."""
    frame = _toml(CORPUS / locale / "frame.toml")["note" if note else "apology"]
    said = {**frame, place: text}
    paragraphs = _note(said) if note else _apology(said)
    if place == "body":
        paragraphs = [text]
    top = f"---\nsubject: {said['subject']}\npreheader: {said['preheader']}\n---\n"
    return top + "\n\n".join([f"# {said['heading']}", "{{ greeting }}", *filter(None, paragraphs)]) + "\n"


def _apology(said: dict[str, str]) -> list[str]:
    return [
        _slot("responsibility", f"{said['responsibility']} {said['sorry']}"),
        said.get("sentence", ""),
        _slot("repair", said["repair"]),
        _slot("next_step", said["next_step"]),
    ]


def _note(said: dict[str, str]) -> list[str]:
    return [said["opening"], said.get("sentence", ""), _slot("next_step", said["next_step"])]


def _slot(name: str, text: str) -> str:
    return f"{{# slot: {name} #}}\n{text}"


@cache
def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
