"""A message with everything that it is made of, as one parcel: kept under its version, and unpacked years later."""

from __future__ import annotations

import zlib

import msgspec

from streams.problems import TemplateProblem
from streams.templating.catalogue import Catalogue, Message, catalogue_of
from streams.templating.sources import Source

_LARGEST = 16_000_000  # bytes; ours have some ten thousand, and whoever packed more had other plans


class _Parcel(msgspec.Struct, frozen=True):
    """``engine`` is what compiled the words then: it is part of the version."""

    engine: str
    files: tuple[tuple[str, bytes], ...]


def pack(catalogue: Catalogue, message: Message, engine: str) -> bytes:
    """Return the sources of a message and of what it shares with others."""
    own = tuple((f"{message.name}/{file}", source) for file, source in message.sources)
    return zlib.compress(msgspec.msgpack.encode(_Parcel(engine, (*catalogue.furniture, *own))))


def unpack(template: str, version: str, parcel: bytes) -> Catalogue:
    """Return the catalogue with one message that was packed under ``version``.

    Raises:
        TemplateProblem: this is not what was packed under that version.
    """
    try:
        unpacker = zlib.decompressobj()
        opened = msgspec.msgpack.decode(unpacker.decompress(parcel, _LARGEST), type=_Parcel)
    except (zlib.error, msgspec.DecodeError) as error:
        raise _damaged(template, version) from error
    sources = (Source(name=name, place=f"{version[:8]}/{name}", content=text) for name, text in opened.files)
    catalogue = catalogue_of({source.name: source for source in sources})
    if catalogue.version(catalogue.message(template), opened.engine) != version:
        raise _damaged(template, version)
    return catalogue


def _damaged(template: str, version: str) -> TemplateProblem:
    return TemplateProblem(
        "template-version-missing",
        f"what was kept of the words of {template} is damaged",
        where=f"version {version}",
        why="its content does not add up to its version",
        hint="put the table template_versions back from its backup, or reopen the mail: it gets today's words",
    )
