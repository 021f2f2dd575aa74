"""``firstword rehearse``: stories told to today's policy and words, and the letters as they would go out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, print_table, write_file
from streams.cli.policy import overrides as words
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.ops.rehearse.letters import Sent
    from streams.ops.rehearse.stage import PolicyWith, Rehearsal
    from streams.settings import Settings
    from streams.templating.catalogue import Catalogue

PAGE = "rehearsal.html"


@click.command(
    cls=Command,
    examples=(
        "firstword rehearse",
        "firstword rehearse --only night --letters",
        "firstword rehearse --html training",
        "firstword rehearse our-stories --policy shop.toml --templates our-words",
    ),
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@options.policy
@words.settings
@options.templates
@click.option("--only", default="", metavar="TEXT", help="Tell only the stories whose title contains it.")
@click.option("--letters", is_flag=True, help="Print every letter in full, as its plain text.")
@click.option(
    "--html",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help=f"Write one page with all letters as they would look: DIR/{PAGE}.",
)
@options.as_json
def command(
    files: tuple[Path, ...],
    policy: Path | None,
    overrides: tuple[str, ...],
    templates: Path | None,
    only: str,
    folder: Path | None,
    *,
    letters: bool,
    as_json: bool,
) -> int:
    """Tell stories to today's policy and words, and show the letters as they would go out.

    FILES are story files, or folders of them; without any, the stories that come with the program are told. The
    letters are compared with those that the stories expect.
    Nothing is sent, bought or shipped: the world of a story says yes at once. The exit code is 1 when a
    letter is missing, was not expected, or reads otherwise than its story says.
    """
    from streams.assets import templates_dir
    from streams.ops.rehearse.stage import rehearse
    from streams.settings import load
    from streams.templating.catalogue import load_catalogue
    from streams.templating.renderer import CatalogueRenderer

    settings = load(policy=policy, templates=templates)
    catalogue = load_catalogue(templates_dir(), settings.templates)
    policy_with = _policies(settings, catalogue, words.read(overrides))
    zone = policy_with({}).shop.time_zone
    stories = _stories(files, zone, catalogue, only)
    renderer = CatalogueRenderer(catalogue)
    done = [rehearse(story, policy_with, renderer) for story in stories]
    if folder is not None:
        _write(folder / PAGE, done, policy_with, settings)
    passed = all(one.passed for one in done)
    if as_json:
        print_document(
            {"passed": passed, "policy": policy_with({}).version, "stories": [_plain(one) for one in done]}
        )
    else:
        _tell(done, letters=letters)
        if folder is not None:
            click.echo(str(folder / PAGE))
    return 0 if passed else 1


def _policies(settings: Settings, catalogue: Catalogue, overrides: dict[str, str]) -> PolicyWith:
    """Return who gives a story its policy: the shop's, with the story's own settings over it, each loaded once."""
    from streams.policies.loader import LoadedPolicy, load_policy

    loaded: dict[tuple[tuple[str, str], ...], LoadedPolicy] = {}

    def policy_with(own: Any) -> LoadedPolicy:
        key = tuple(own.items())
        if key not in loaded:
            loaded[key] = load_policy(settings.policy, {**overrides, **own}, templates=catalogue.messages)
        return loaded[key]

    return policy_with


def _stories(files: Sequence[Path], zone: str, catalogue: Catalogue, only: str) -> list[Any]:
    from streams.ops.rehearse.reading import found, read_story, shipped

    paths = found(files) if files else shipped()
    stories = [read_story(path, zone, catalogue.messages) for path in paths]
    chosen = [story for story in stories if only.lower() in story.title.lower()]
    if not chosen:
        raise UsageProblem(
            "story-unknown",
            f"no story has {only!r} in its title",
            where=f"--only {only}",
            hint="`firstword rehearse` lists them all",
        )
    return chosen


def _write(path: Path, done: Sequence[Rehearsal], policy_with: PolicyWith, settings: Settings) -> None:
    from streams.cli.brand import brand_of
    from streams.ops.rehearse.page import page

    policy, brand = policy_with({}), brand_of(settings)
    write_file(path, page(done, policy.version, brand.name, brand.from_header).encode())


# ---------------------------------------------------------------------------- printing


def _tell(done: Sequence[Rehearsal], *, letters: bool) -> None:
    rows = [
        ("ok" if one.passed else "DIFFERS", one.story.title, _went_out(one.letters), one.story.where)
        for one in done
    ]
    print_table(("", "story", "letters", "where"), rows)
    click.echo("")
    if letters:
        _print_letters(done)
    failed = [one for one in done if not one.passed]
    for one in failed:
        click.echo(f"{one.story.title}\n  where: {one.story.where}")
        for failure in one.failures:
            click.echo("  " + failure.replace("\n", "\n    "))
        click.echo("")
    stories = "1 story" if len(done) == 1 else f"{len(done)} stories"
    count = sum(len(one.letters) for one in done)
    click.echo(f"{stories}, {count} {'letter' if count == 1 else 'letters'}, {len(failed)} not as written")


def _went_out(letters: Sequence[Sent]) -> str:
    return ", ".join(one.template for one in letters) or "none"


def _print_letters(done: Sequence[Rehearsal]) -> None:
    for one in done:
        click.echo(click.style(one.story.title, bold=True))
        if not one.letters:
            click.echo("  no letter\n")
        for letter in one.letters:
            click.echo(f"  {letter.at:%a %Y-%m-%d %H:%M}  {letter.template} ({letter.message.locale})")
            click.echo(f"  Subject: {letter.subject}")
            if letter.attachment:
                click.echo(f"  Attached: {letter.attachment}")
            text = letter.mail.text if letter.mail is not None else letter.problem
            click.echo("\n" + "\n".join(f"    {line}".rstrip() for line in text.splitlines()) + "\n")


def _plain(one: Rehearsal) -> dict[str, Any]:
    return {
        "title": one.story.title,
        "where": one.story.where,
        "passed": one.passed,
        "policy": one.policy,
        "failures": list(one.failures),
        "letters": [_plain_letter(letter) for letter in one.letters],
        "moments": [{"at": each.at, "who": each.who, "says": each.says} for each in one.moments],
    }


def _plain_letter(letter: Sent) -> dict[str, Any]:
    mail = letter.mail
    return {
        "template": letter.template,
        "locale": letter.message.locale,
        "at": letter.at,
        "subject": letter.subject,
        "preheader": mail.preheader if mail is not None else None,
        "text": mail.text if mail is not None else None,
        "attachment": letter.attachment or None,
        "problem": letter.problem or None,
        "failures": list(letter.failures),
    }
