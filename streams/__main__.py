"""Runs the command as ``python -m streams``."""

from streams.cli import main

main()
