"""Random words through the whole compiler: what is chosen is shown, in order, in both mails, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import mrml
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from streams.core.events import Letter, LetterLine, MessageQueued
from streams.problems import TemplateProblem
from streams.templating import compile as compiling
from streams.templating.catalogue import Card, Message, load_catalogue, read_words
from streams.templating.lint.anatomy import anatomy_of
from streams.templating.renderer import CatalogueRenderer
from streams.templating.tags import Tokens, split

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[2] / "templates")
FLAGS = ("apologize", "arrived", "second_failure")
ROWS = ("MARKrow1", "MARKrow2")
SITE = "https://shop.example.com/"

# Questions: (source, what it comes to).
TEST = st.one_of(
    st.sampled_from(FLAGS).map(lambda flag: (flag, lambda flags: flags[flag])),
    st.sampled_from(FLAGS).map(lambda flag: (f"not {flag}", lambda flags: not flags[flag])),
    st.tuples(st.sampled_from(FLAGS), st.sampled_from(FLAGS), st.sampled_from(("and", "or"))).map(
        lambda pair: (
            f"{pair[0]} {pair[2]} not {pair[1]}",
            lambda flags: (
                flags[pair[0]] and not flags[pair[1]]
                if pair[2] == "and"
                else flags[pair[0]] or not flags[pair[1]]
            ),
        )
    ),
)
# What stands inside a sentence; strong, em and links hold choices, and choices hold all but their own kind.
WORD = st.sampled_from([("word",), ("code",), ("order",)])


def choice_of(inner):
    branch = st.lists(inner, max_size=3)
    return st.tuples(st.just("choice"), TEST, branch, st.one_of(st.none(), st.tuples(TEST, branch)), branch)


CHOICE = st.recursive(choice_of(WORD), choice_of, max_leaves=4)
MARKED = st.tuples(
    st.sampled_from(("strong", "em", "link", "reply")), st.lists(st.one_of(WORD, CHOICE), max_size=3)
)
INLINE = st.lists(st.one_of(WORD, MARKED, choice_of(st.one_of(WORD, MARKED)), CHOICE), max_size=4)
BLOCK = st.one_of(
    st.tuples(st.sampled_from(("say", "heading", "quote")), INLINE),
    st.tuples(st.sampled_from(("bullets", "numbers")), st.lists(INLINE, min_size=1, max_size=3)),
    st.sampled_from([("button",), ("items",), ("rule",)]),
)
TREE = st.lists(
    st.recursive(
        BLOCK,
        lambda inner: st.tuples(
            st.just("if"),
            TEST,
            st.lists(inner, max_size=3),
            st.one_of(st.none(), st.tuples(TEST, st.lists(inner, max_size=2))),
            st.lists(inner, max_size=3),
        ),
        max_leaves=8,
    ),
    max_size=5,
)
CHOSEN = st.fixed_dictionaries(dict.fromkeys(FLAGS, st.booleans()))


@dataclass
class Writer:
    """Writes a tree as words, and notes what a reader with these flags should see."""

    flags: dict
    blank: str

    def __post_init__(self):
        self.numbers = count()
        self.seen, self.strong, self.targets = [], [], []

    def mark(self, *, shown):
        mark = f"MARK{next(self.numbers)}"
        if shown:
            self.seen.append(mark)
        return mark

    def inline(self, nodes, *, shown=True, strong=False):
        """Every stretch begins and ends with a word of its own, so that no mark of Markdown stands alone."""
        first = self.mark(shown=shown)
        parts = [first, *(self.atom(node, shown=shown, strong=strong) for node in nodes)]
        if strong and shown:
            self.strong.append(first)
        return " ".join(parts)

    def atom(self, node, *, shown, strong):
        kind = node[0]
        if kind == "order":
            return "{{ order.id }}"
        if kind in {"word", "code"}:
            mark = self.mark(shown=shown)
            return mark if kind == "word" else f"`{mark}`"
        if kind == "choice":
            return self.choice(node, shown=shown, strong=strong)
        inner = self.inline(node[1], shown=shown, strong=kind == "strong")
        if kind in {"link", "reply"} and shown:
            self.targets.append(SITE if kind == "link" else "mailto:")
        target = SITE if kind == "link" else "{{ links.reply }}"
        return {"strong": f"**{inner}**", "em": f"*{inner}*"}.get(kind, f"[{inner}]({target})")

    def branches(self, node, *, shown):
        """Yield (tag, nodes, shown) for each branch of a choice; nobody sees more than one."""
        _, (source, holds), yes, other, no = node
        open_ = shown
        for tag, (question, answer), nodes in [
            ("if", (source, holds), yes),
            *([("elif", *other)] if other else []),
        ]:
            taken = open_ and answer(self.flags)
            yield f"{{% {tag} {question} %}}", nodes, taken
            open_ = open_ and not taken
        yield "{% else %}", no, open_

    def choice(self, node, *, shown, strong):
        source = ""
        for tag, nodes, taken in self.branches(node, shown=shown):
            inner = " ".join(self.atom(one, shown=taken, strong=strong) for one in nodes)
            source += f"{tag}{inner}"
        return f"{source}{{% endif %}}"

    def blocks(self, tree, *, shown=True):
        return [self.block(node, shown=shown) for node in tree]

    def block(self, node, *, shown):
        kind = node[0]
        if kind in {"say", "heading", "quote"}:
            return {"say": "", "heading": "## ", "quote": "> "}[kind] + self.inline(node[1], shown=shown)
        if kind in {"bullets", "numbers"}:
            items = [self.inline(item, shown=shown) for item in node[1]]
            return "\n".join(
                f"{'-' if kind == 'bullets' else f'{at}.'} {item}" for at, item in enumerate(items, 1)
            )
        if kind == "rule":
            return "***"
        if kind == "button":
            return f'{{{{ button("{self.mark(shown=shown)}", links.reply) }}}}'
        if kind == "items":
            source = f'{{{{ items("{self.mark(shown=shown)}", ordered.items) }}}}'
            self.seen += ROWS if shown else ()
            return f"{{% if ordered %}}\n{source}\n{{% endif %}}"
        lines = []
        for tag, nodes, taken in self.branches(node, shown=shown):
            lines += [tag, *self.blocks(nodes, shown=taken)]
        return self.blank.join([*lines, "{% endif %}"])


def written(tree, flags, blank="\n\n"):
    writer = Writer(flags, blank)
    return "\n\n".join(writer.blocks(tree)), writer


def renderer_of(body):
    words = read_words(f"---\nsubject: s\npreheader: p\n---\n{body}\n", "probe/en.md")
    lost = CATALOGUE.messages["lost"]
    message = replace(
        lost,
        name="probe",
        card=Card(purpose="a message of a test", owner="Tests", uses=(*FLAGS, "ordered")),
        words={"en": words},
        sources=(("en.md", body.encode()),),
    )
    assert isinstance(message, Message)
    return CatalogueRenderer(replace(CATALOGUE, messages={"probe": message}))


def mail_of(source, flags):
    lines = tuple(LetterLine(sku=title, title=title, quantity=2) for title in ROWS)
    letter = Letter(to="ada@example.org", time_zone="UTC", order_lines=lines, **flags)
    return renderer_of(source).render(
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


class Balance(HTMLParser):
    """Whether every element closes where it should; the conditional comments of Outlook are left out."""

    VOID = frozenset({"meta", "br", "hr", "img", "link"})

    def __init__(self, html):
        super().__init__()
        self.open, self.wrong, self.strong = [], [], []
        self.feed(re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL))

    def handle_starttag(self, tag, _):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, *_):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if "strong" in self.open:
            self.strong += re.findall(r"MARK\d+", data)


@settings(max_examples=60, deadline=None)
@given(tree=TREE, flags=CHOSEN, airy=st.booleans())
def test_what_is_chosen_is_shown_in_order_in_both_mails(tree, flags, airy):
    """Choices around and inside paragraphs, lists, links, emphasis and parts, nested as you like, come out as written."""
    source, writer = written(tree, flags, "\n\n" if airy else "\n")
    mail = mail_of(source, flags)
    balance = Balance(mail.html)

    assert re.findall(r"MARK\w+", mail.text) == writer.seen
    assert re.findall(r"MARK\w+", mail.html) == writer.seen
    assert (balance.open, balance.wrong) == ([], [])
    assert set(writer.strong) <= set(balance.strong) <= set(writer.seen)
    assert "{%" not in mail.html + mail.text
    assert "{{" not in mail.html + mail.text
    assert "\n\n\n" not in mail.text


@settings(max_examples=60, deadline=None)
@given(tree=TREE, flags=CHOSEN)
def test_links_lead_where_they_were_written_to(tree, flags):
    """In the order of the words, each to its own place, in both mails."""
    source, writer = written(tree, flags)
    mail = mail_of(source, flags)
    links = [link.attributes["href"] for link in anatomy_of(mail.html).of("a") if link.inside("words")]

    assert [SITE if link == SITE else link[:7] for link in links] == writer.targets
    assert re.findall(rf"\(({re.escape(SITE)}|[a-z]+@)", mail.text) == [
        SITE if target == SITE else "care@" for target in writer.targets
    ]


# --------------------------------------------------------------------------------- tags are lost, moved, doubled


def hidden_of(source):
    tokens = Tokens.for_content(source)
    return tokens, tokens.hide(split(source, "probe/en.md"), "probe/en.md")


@settings(max_examples=60, deadline=None)
@given(tree=TREE, flags=CHOSEN)
def test_tags_that_nobody_touched_come_back_as_they_were(tree, flags):
    """To the character."""
    source, _ = written(tree, flags)
    tokens, hidden = hidden_of(source)

    assert tokens.restore(hidden, expected=hidden) == source


@settings(max_examples=60, deadline=None)
@given(tree=TREE, flags=CHOSEN, which=st.data())
def test_a_tag_that_is_lost_moved_or_doubled_is_an_error_with_its_line(tree, flags, which):
    """Whatever a tool does to the text between hiding and putting back."""
    source, _ = written(tree, flags)
    tokens, hidden = hidden_of(source)
    found = list(tokens.pattern.finditer(hidden))
    assume(found)
    control = [match for match in found if tokens.tags[int(match[1])].kind == "control"]
    victims = {"lost": found, "moved": control[:-1], "doubled": control}
    fate = which.draw(st.sampled_from([fate for fate, some in victims.items() if some]))
    victim = which.draw(st.one_of(st.just(victims[fate][-1]), st.sampled_from(victims[fate])))
    if fate == "lost":
        broken = hidden[: victim.start()] + hidden[victim.end() :]
    elif fate == "moved":
        after = control[control.index(victim) + 1]
        middle = hidden[victim.end() : after.start()]
        broken = hidden[: victim.start()] + after[0] + middle + victim[0] + hidden[after.end() :]
    else:
        broken = hidden[: victim.end()] + victim[0] + hidden[victim.end() :]

    with pytest.raises(TemplateProblem) as problem:
        tokens.restore(broken, expected=hidden)
    assert problem.value.code == "template-lost-tag"
    assert problem.value.where.startswith("probe/en.md:")
    if fate == "lost":
        assert problem.value.where == tokens.tags[int(victim[1])].where


class Engine:
    """MJML's engine, but for what it does to the words' control tags, which reach it as comments."""

    def __init__(self, fate):
        self.fate = fate

    def to_html(self, mjml):
        html = mrml.to_html(mjml).content
        marks = re.findall(r"<!--x[0-9a-f]{16}n\d+x-->", html)
        first, second = marks[0], marks[1]
        if self.fate == "loses":
            html = html.replace(first, "", 1)
        elif self.fate == "swaps":
            html = html.replace(first, "\0", 1).replace(second, first, 1).replace("\0", second, 1)
        else:
            html = html.replace(first, first + first, 1)
        return SimpleNamespace(content=html)


@pytest.mark.parametrize("fate", ["loses", "swaps", "doubles"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREE.filter(bool), flags=CHOSEN)
def test_no_mail_is_made_by_an_engine_that_mislays_tags(fate, tree, flags, monkeypatch):
    """The compiler does not trust the engine; the frame alone has enough tags to tell."""
    source, _ = written(tree, flags)
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "mrml", Engine(fate))
        with pytest.raises(TemplateProblem) as problem:
            mail_of(source, flags)

    assert problem.value.code == "template-lost-tag"


@pytest.mark.parametrize(("apologize", "shown"), [(True, "We're sorry."), (False, "We have told you.")])
def test_emphasis_ends_where_a_choice_ends(apologize, shown):
    """A full stop before the closing asterisks, and a tag behind them: Markdown alone would not close there."""
    source = (
        "It is late. {% if apologize %}**We're sorry.**{% else %}**We have told you.**{% endif %} It is ours."
    )
    mail = mail_of(source, dict.fromkeys(FLAGS, False) | {"apologize": apologize})
    shown_bold = [one.words for one in anatomy_of(mail.html).of("strong")]

    assert shown_bold == [shown]
    assert f"It is late. {shown} It is ours." in mail.text
    assert "\u2021" not in mail.text + mail.html
