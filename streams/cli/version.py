"""``firstword version``: which one this is, and of what it is made."""

from __future__ import annotations

import platform

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document

# What decides how the product behaves; a report of a mistake should name these.
PARTS = (
    "msgspec",
    "mrml",
    "jinja2",
    "aiosmtplib",
    "aiohttp",
    "sqlalchemy",
    "babel",
    "holidays",
    "tzdata",
    "faust-streaming",
    "kafka-python",
)


@click.command(cls=Command, examples=("firstword version", "firstword version --json"))
@options.as_json
def command(*, as_json: bool) -> None:
    """Say which version this is, and of what it is made."""
    from streams import __version__

    found = {name: _version(name) for name in PARTS}
    if as_json:
        print_document({"version": __version__, "python": platform.python_version(), "parts": found})
        return
    click.echo(f"firstword {__version__} on Python {platform.python_version()}")
    for name, number in found.items():
        click.echo(f"  {name:<16} {number or 'not installed'}")


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
