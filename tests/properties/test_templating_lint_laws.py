"""What the lint proves about branches is what rendering every branch would show."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from streams.templating.catalogue import Card, Words
from streams.templating.lint import judge_words
from streams.templating.lint.passages import passages_of

NAMES = ("arrived", "replacement", "replacement.arrives", "arrives")
SLOT = "{# slot: repair #}\nMARKED, we are already sending it.\n\n"
REGRET = "We apologize.\n\n"
CARD = Card(purpose="a message of a test", owner="Tests", slots=("repair",))

tests = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.one_of(
        inner.map(lambda it: f"not ({it})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda it: f"({it[0]} {it[1]} {it[2]})"),
    ),
    max_leaves=3,
)
leaves = st.sampled_from(["", "Words.\n\n", SLOT, REGRET, "# A heading\n", "- an item\n- another\n\n"])


def _branch(parts: tuple[str, str, str, str, str]) -> str:
    test, other, yes, maybe, no = parts
    return f"\n{{% if {test} %}}\n{yes}\n{{% elif {other} %}}\n{maybe}\n{{% else %}}\n{no}\n{{% endif %}}\n\n"


bodies = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(tests, tests, inner, inner, inner).map(_branch), st.tuples(inner, inner).map("".join)
    ),
    max_leaves=7,
)


def renderings(body: str) -> list[str]:
    """Return the body on every way on which nothing absent has parts."""
    template = Environment(autoescape=True).from_string(body)
    return [
        template.render(
            arrived=arrived, arrives=arrives, replacement={"arrives": day} if replacement else None
        )
        for arrived, replacement, day, arrives in product((True, False), repeat=4)
        if replacement or not day
    ]


def found(body: str, rule: str) -> list[str]:
    """Return what a rule says of a body."""
    words = Words(place="en.md", subject="", preheader="", body=body, lines={})
    return [one.says for one in judge_words(words, "en", CARD) if one.rule == rule]


@settings(max_examples=300, deadline=None)
@given(bodies)
def test_a_slot_is_proven_exactly_when_every_rendering_has_it(body):
    """No false alarm, and no branch that nobody looked at."""
    everywhere = all("MARKED" in text for text in renderings(body))

    assert (found(body, "required_slots") == []) is everywhere


@settings(max_examples=300, deadline=None)
@given(bodies)
def test_regrets_are_counted_as_the_worst_rendering_has_them(body):
    """Two in different branches are one; one missing on one way is missing."""
    counts = [text.count("apologize") for text in renderings(body)]
    says = found(body, "one_apology")

    assert any("times" in one for one in says) is (max(counts) > 1)
    assert any("makes none" in one or "make none" in one for one in says) is (min(counts) == 0)


@settings(max_examples=300, deadline=None)
@given(bodies)
def test_every_word_is_read_on_its_own_line(body):
    """Whatever the branches, a passage's words stand on the lines that it says."""
    lines = body.split("\n")
    words = Words(place="en.md", subject="", preheader="", body=body, lines={})
    for passage in passages_of(words):
        for sentence in passage.sentences:
            assert sentence.text.split()[0] in lines[sentence.line - 1]
