"""What ``release`` and ``refuse`` ask for, and what they answer."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.output import counted, print_document

storm = click.argument("storm")
by = click.option("--by", required=True, metavar="NAME", help="Who says so.")


def tell(
    storm_id: str, name: str, data: Path | None, policy: Path | None, *, release: bool, as_json: bool
) -> None:
    """Write the word down and say how the storm stands."""
    from streams.cli.storms.looking import decide, opened, plain
    from streams.settings import load

    with opened(load(data=data, policy=policy)) as allowances:
        people = allowances.people
        found = decide(allowances, storm_id, by=name, release=release)
    if as_json:
        print_document(plain(found, people=people))
        return
    names = sorted({one.by for one in found.said if one.release})
    waiting = counted(found.waiting, "mail")
    match found.state:
        case "released":
            click.echo(f"released by {', '.join(names)}; {waiting} are judged again by whoever sends")
        case "refused":
            click.echo(f"refused; {waiting} become reviews")
        case _:
            click.echo(f"{len(names)} of {people} people have released it: {', '.join(names)}")
