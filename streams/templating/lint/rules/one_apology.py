"""Says sorry exactly once, early, without an if or a but, and only when the letter asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streams.templating.lint.finding import Found
from streams.templating.lint.language import compiled
from streams.templating.lint.passages import Passage
from streams.templating.lint.tone import Prose, Tone, forbidden
from streams.templating.lint.ways import uncovered, ways

EARLY_PARAGRAPHS = 2  # after heading and greeting
EARLY = 450  # characters before it, without heading and greeting
_ASKED = "apologize"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Regret:
    """A paragraph that says sorry, ``times``; the first of them begins at ``offset``."""

    passage: Passage
    line: int
    times: int
    offset: int


class OneApology(Tone):
    """Regret counts once; repeated it is worse than silence.

    It stands in one of the first two paragraphs and has neither an "if" nor a "but". While ``apologize`` is
    false the customer has been told already: facts only, so words that ask ``{% if apologize %}`` anywhere
    must ask it wherever they say sorry. Messages with ``regret = false`` in their message.toml never say
    sorry.
    """

    name = "one_apology"
    why = "one sorry, early and without conditions, is heard; a second one, or one with a but, undoes it"
    source = "Halperin, Ho, List & Muir 2022, The Economic Journal 132(641); Roschk & Kaiser 2013"

    def read(self, prose: Prose) -> Iterator[Found]:
        """Count the regrets on every way, and look at the first of them."""
        words = self.looks_for(prose)
        yield from forbidden(prose, words, prose.passages)
        if not words.required:
            return
        regrets = list(_regrets(prose.passages, words.required))
        wanted = prose.card.regret and (prose.letter is None or prose.letter.apologize)
        yield from _too_often(prose, regrets, wanted=wanted)
        yield from _unasked(prose, regrets)
        yield from _late(prose, regrets)
        if wanted:
            yield from _missing(prose, regrets)


def _regrets(passages: Sequence[Passage], patterns: Sequence[str]) -> Iterator[_Regret]:
    regret = compiled("|".join(f"(?:{pattern})" for pattern in patterns))
    for passage in passages:
        found = list(regret.finditer(passage.text))
        if found:
            line = passage.lines[found[-1].start()]
            yield _Regret(passage=passage, line=line, times=len(found), offset=found[0].start())


def _too_often(prose: Prose, regrets: Sequence[_Regret], *, wanted: bool) -> Iterator[Found]:
    often, last = _most(regrets)
    if often > 1:
        yield Found(prose.at(last), f"says sorry {often} times; once is enough")
    elif often and not wanted:
        yield Found(prose.at(last), "says sorry, and this mail should not: it was said, or there is no need")


def _most(regrets: Sequence[_Regret]) -> tuple[int, int]:
    """Return how often the way with the most regrets says sorry, and the last line where it does."""
    names = {name for regret in regrets for way in regret.passage.ways for name, _ in way}
    most, last = 0, 0
    for way in ways(names):
        met = [regret for regret in regrets if any(way.items() >= one for one in regret.passage.ways)]
        times = sum(regret.times for regret in met)
        if times > most:
            most, last = times, met[-1].line
    return most, last


def _unasked(prose: Prose, regrets: Sequence[_Regret]) -> Iterator[Found]:
    asks = any((_ASKED, True) in way for passage in prose.passages for way in passage.ways)
    for regret in regrets if asks else ():
        if any((_ASKED, True) not in way for way in regret.passage.ways):
            says = "says sorry although an earlier mail may have said it"
            yield Found(prose.at(regret.line), says, "{% if apologize %} We're sorry.{% endif %}")


def _late(prose: Prose, regrets: Sequence[_Regret]) -> Iterator[Found]:
    # A rendered mail begins with its heading and the greeting; the writer's body has neither.
    limit = EARLY_PARAGRAPHS + (2 if prose.letter is not None else 0)
    body = list(prose.body())
    for regret in regrets:
        if regret.passage.part == "body":
            ahead = _ahead(body, regret.passage)
            if len(ahead) >= limit or sum(ahead) + regret.offset > EARLY:
                yield Found(
                    prose.at(regret.line), "says sorry late; it belongs into the first two paragraphs"
                )


def _ahead(body: Sequence[Passage], passage: Passage) -> list[int]:
    """Return the lengths of the paragraphs before it on its own ways: another branch is another mail."""
    ahead = {
        before.order: len(before.text)
        for before in body
        if before.order < passage.order
        and all(any(_agree(way, own) for way in before.ways) for own in passage.ways)
    }
    return list(ahead.values())


def _agree(way: frozenset[tuple[str, bool]], own: frozenset[tuple[str, bool]]) -> bool:
    answers = dict(own)
    return all(answers.get(name) is there for name, there in way)


def _missing(prose: Prose, regrets: Sequence[_Regret]) -> Iterator[Found]:
    asked = frozenset({(_ASKED, False)})  # a way without an apology that nobody asked for
    missed = uncovered([*(regret.passage.ways for regret in regrets), [asked]]) if regrets else ""
    if missed is not None:
        when = f" (when {missed})" if missed else ""
        yield Found(prose.top, f"the letter asks for an apology and the words make none{when}")


RULE = OneApology()
