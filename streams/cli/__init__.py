"""The command ``firstword``: one file per command, loaded when it is asked for."""

from streams.cli.program import main

__all__ = ["main"]
