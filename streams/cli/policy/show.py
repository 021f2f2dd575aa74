"""``firstword policy show``: the policy in force, as a file that says the same."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document
from streams.cli.policy import overrides as words


@click.command(
    cls=Command,
    examples=(
        "firstword policy show",
        "firstword policy show --policy shop.toml --set quiet.start=22:00",
        "firstword policy show > shop.toml",
    ),
)
@options.policy
@words.settings
@options.as_json
def command(policy: Path | None, overrides: tuple[str, ...], *, as_json: bool) -> None:
    """Print the policy in force as a policy file, every value with the place that said so.

    What is printed can be saved, changed and used with --policy; unchanged it has the same version.
    """
    from streams.policies.loader import load_policy
    from streams.policies.show import show
    from streams.settings import load

    loaded = load_policy(load(policy=policy).policy, words.read(overrides))
    text = show(loaded)
    if as_json:
        import tomllib

        origins = {".".join(leaf): setting.origin for leaf, setting in loaded.settings.items()}
        print_document({"version": loaded.version, "policy": tomllib.loads(text), "origins": origins})
        return
    click.echo(text, nl=False)
