"""``firstword explain``: the program prints its own reference."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, print_table
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.cli.explain.page import Page
    from streams.policies.loader import LoadedPolicy

TOPICS = {
    "problems": "Every code of a problem or a dead letter: what it means, and what to do.",
    "kinds": "What can be wrong with an order: what is seen, the thresholds, and what follows.",
    "remedies": "What is offered, and the amounts in force.",
    "settings": "Everything that can be set, its variable and its default.",
    "metrics": "What the workers tell at /metrics.",
    "events": "Every wire type with its fields and an example.",
    "sources": "The ways in: what each reads and what it cannot know.",
    "rules": "What the lint looks for in the words, why, and by whose word.",
    "states": "The states of the mail ledger, and what is certain in each.",
    "words": "The words of the house: one concept, one word.",
}


@click.command(
    cls=Command,
    examples=(
        "firstword explain",
        "firstword explain kinds",
        "firstword explain wrong_item",
        "firstword explain journal-not-written",
        "firstword explain order.placed.v1 --json",
    ),
)
@click.argument("what", required=False)
@options.policy
@options.as_json
def command(what: str | None, policy: Path | None, *, as_json: bool) -> None:
    """Explain a word, a code, a kind, a remedy, a setting or an event.

    WHAT is a topic or any word in one; without it, the topics are listed. Thresholds, amounts and what
    follows are those of the policy in force.
    """
    if what is None:
        _tell_topics(as_json=as_json)
        return
    from streams.policies.loader import load_policy
    from streams.settings import load

    loaded = load_policy(load(policy=policy).policy)
    if what in TOPICS:
        _tell_topic(what, _pages(what, loaded), as_json=as_json)
        return
    found = list(_find(what, loaded))
    if as_json:
        print_document({"asked": what, "pages": [_plain(topic, page) for topic, page in found]})
        return
    for topic, page in found:
        click.echo(f"{page.name} ({topic})\n{page.sentence}")
        if page.lines:
            click.echo("")
        for line in page.lines:
            click.echo(f"  {line}".rstrip())
        click.echo("")


def _pages(topic: str, policy: LoadedPolicy) -> Mapping[str, Page]:
    found: Mapping[str, Page] = import_module(f"{__name__}.{topic}").pages(policy)
    return found


def _find(what: str, policy: LoadedPolicy) -> Iterator[tuple[str, Page]]:
    """Yield every page of that name: a word may be a kind and a state.

    Raises:
        UsageProblem: there is none; the nearest one is named.
    """
    every = {topic: _pages(topic, policy) for topic in TOPICS}
    wanted = what.strip().removeprefix("FIRSTWORD_") if what.isupper() else what.strip()
    names = (wanted, wanted.lower(), f"{wanted}.v1", wanted.lower().replace(" ", "_"))
    found = [
        (topic, pages[name])
        for topic, pages in every.items()
        for name in dict.fromkeys(names)
        if name in pages
    ]
    if not found:
        raise _unknown(what, [name for pages in every.values() for name in pages])
    yield from found


def _unknown(what: str, names: list[str]) -> UsageProblem:
    near = difflib.get_close_matches(what, [*TOPICS, *names], n=1, cutoff=0.3)
    return UsageProblem(
        "explain-unknown",
        f"there is no page about {what}",
        hint=f"did you mean `firstword explain {near[0]}`?"
        if near
        else "`firstword explain` lists the topics",
    )


def _tell_topics(*, as_json: bool) -> None:
    if as_json:
        print_document({"topics": TOPICS})
        return
    print_table(("topic", "what it explains"), list(TOPICS.items()))
    click.echo("\nfirstword explain TOPIC lists its words; firstword explain WORD explains one.")


def _tell_topic(topic: str, pages: Mapping[str, Page], *, as_json: bool) -> None:
    if as_json:
        print_document({"topic": topic, "pages": [_plain(topic, page) for page in pages.values()]})
        return
    groups: dict[str, list[tuple[str, str]]] = {}
    for page in pages.values():
        groups.setdefault(page.group, []).append((page.name, page.sentence))
    for place, (group, rows) in enumerate(groups.items()):
        if place:
            click.echo("")
        print_table((group or topic, ""), rows)


def _plain(topic: str, page: Page) -> dict[str, object]:
    group = {"group": page.group} if page.group else {}
    return {"topic": topic, "name": page.name, "sentence": page.sentence, **group, **page.plain}
