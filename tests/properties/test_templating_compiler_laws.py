"""Random words through the whole compiler: what is chosen is shown, in order, in both mails, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import count
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.events import Letter, MessageQueued
from streams.templating.catalogue import Card, Message, load_catalogue, read_words
from streams.templating.renderer import CatalogueRenderer

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[2] / "templates")
FLAGS = ("apologize", "arrived", "second_failure")

# A tree of words: ("say",), ("list", n), ("inline", flag, has_else), ("part",), ("if", flag, [...], [...])
LEAF = st.one_of(
    st.just(("say",)),
    st.tuples(st.just("list"), st.integers(1, 3)),
    st.tuples(st.just("inline"), st.sampled_from(FLAGS), st.booleans()),
    st.just(("part",)),
    st.just(("heading",)),
)
TREE = st.lists(
    st.recursive(
        LEAF,
        lambda inner: st.tuples(
            st.just("if"), st.sampled_from(FLAGS), st.lists(inner, max_size=3), st.lists(inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=5,
)


def write(tree, flags, numbers, blank):
    """Return the source of a tree, and the marks that a reader with these flags should see, in order."""
    source, seen = [], []
    for node in tree:
        kind = node[0]
        mark = f"MARK{next(numbers)}"
        if kind == "say":
            source.append(f"Some **{mark}** here.")
            seen.append(mark)
        elif kind == "heading":
            source.append(f"## {mark}")
            seen.append(mark)
        elif kind == "list":
            marks = [mark, *(f"MARK{next(numbers)}" for _ in range(node[1] - 1))]
            source.append("\n".join(f"- item {one}" for one in marks))
            seen += marks
        elif kind == "inline":
            other = f"MARK{next(numbers)}"
            alternative = f"{{% else %}} or {other}" if node[2] else ""
            source.append(f"Well{{% if {node[1]} %}} then *{mark}*{alternative}{{% endif %}}.")
            seen += [mark] if flags[node[1]] else [other] if node[2] else []
        elif kind == "part":
            source.append(f'{{{{ button("{mark}", links.reply) }}}}')
            seen.append(mark)
        else:
            yes, yes_seen = write(node[2], flags, numbers, blank)
            no, no_seen = write(node[3], flags, numbers, blank)
            source.append(blank.join([f"{{% if {node[1]} %}}", *yes, "{% else %}", *no, "{% endif %}"]))
            seen += yes_seen if flags[node[1]] else no_seen
    return source, seen


def renderer_of(body):
    words = read_words(f"---\nsubject: s\npreheader: p\n---\n{body}\n", "probe/en.md")
    message = Message(
        name="probe",
        folder=Path("probe"),
        card=Card(purpose="a message of a test", owner="Tests", uses=FLAGS),
        words={"en": words},
        sources=(("en.md", body.encode()),),
    )
    return CatalogueRenderer(replace(CATALOGUE, messages={"probe": message}))


class Balance(HTMLParser):
    """Whether every element closes where it should; the conditional comments of Outlook are left out."""

    VOID = frozenset({"meta", "br", "hr", "img", "link"})

    def __init__(self, html):
        super().__init__()
        self.open, self.wrong = [], []
        self.feed(re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL))

    def handle_starttag(self, tag, _):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, *_):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@settings(max_examples=80, deadline=None)
@given(tree=TREE, flags=st.fixed_dictionaries(dict.fromkeys(FLAGS, st.booleans())), airy=st.booleans())
def test_what_is_chosen_is_shown_in_order_in_both_mails(tree, flags, airy):
    """Conditions around and inside paragraphs, lists and parts, nested as you like, come out as written."""
    source, seen = write(tree, flags, count(), "\n\n" if airy else "\n")
    letter = Letter(to="ada@example.org", time_zone="UTC", **flags)
    mail = renderer_of("\n\n".join(source)).render(
        MessageQueued(
            order_id="O",
            decision_id="d",
            message_id="m",
            case_id="c",
            template="probe",
            locale="en",
            to_hash="h",
            letter=letter,
        )
    )
    balance = Balance(mail.html)

    assert seen == re.findall(r"MARK\d+", mail.text)
    assert seen == re.findall(r"MARK\d+", mail.html)
    assert (balance.open, balance.wrong) == ([], [])
    assert "{%" not in mail.html + mail.text
    assert "\n\n\n" not in mail.text
