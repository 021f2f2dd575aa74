"""A page of the reference that the program prints about itself."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import msgspec


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What is said about one word: a sentence, the text below it, and the same as plain data.

    Where a topic is long, ``group`` says with which other pages a page is listed.
    """

    name: str
    sentence: str
    lines: tuple[str, ...] = ()
    plain: Mapping[str, Any] = {}
    group: str = ""


def first_sentence(text: str | None) -> str:
    """Return the first line of a docstring."""
    return (text or "").strip().partition("\n")[0]


def about(plugin: type) -> str:
    """Return the sentence with which a plug-in's module opens."""
    return first_sentence(sys.modules[plugin.__module__].__doc__)


def text_of(plugin: type) -> list[str]:
    """Return the docstring of a plug-in's class."""
    return inspect.cleandoc(plugin.__doc__ or "").splitlines()


def rest(text: str | None) -> list[str]:
    """Return what stands below the first line of a docstring, without its indentation."""
    return inspect.cleandoc(text or "").partition("\n")[2].strip().splitlines()
