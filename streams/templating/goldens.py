"""Accepted renderings beside the words: what a person has read and found good, compared on every change.

The HTML is kept in English only: it is the frame around words that the plain text shows in every language.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streams.templating.catalogue import FALLBACK_LOCALE, Message
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A rendering that is not what was accepted; ``accepted`` is None when nothing was accepted yet."""

    path: Path
    accepted: str | None
    rendered: str

    def shown(self, context: int = 1) -> str:
        """Return the difference as a unified diff, HTML cut into one element per line."""
        old, new = (_lines(text or "") for text in (self.accepted, self.rendered))
        return "\n".join(difflib.unified_diff(old, new, "accepted", "rendered", lineterm="", n=context))


def renderings(renderer: CatalogueRenderer, message: Message) -> Iterator[tuple[Path, str]]:
    """Yield every file below ``expected/`` with what it should hold now; variants (``en@b``) are locales here.

    Raises:
        TemplateProblem: the message or a sample is broken.
    """
    for locale in message.words:
        for sample in message.samples():
            mail = renderer.render(read_sample(sample, message.name, locale))
            yield message.expected(sample.stem, locale, "txt"), mail.text
            if locale == FALLBACK_LOCALE:
                yield message.expected(sample.stem, locale, "html"), mail.html + "\n"
            yield (
                message.expected(sample.stem, locale, "subject"),
                f"subject: {mail.subject}\npreheader: {mail.preheader}\n",
            )


def differences(renderer: CatalogueRenderer, message: Message) -> list[Difference]:
    """Return the renderings of a message that differ from what was accepted."""
    found = []
    for path, rendered in renderings(renderer, message):
        lies = message.accepted(path)
        accepted = None if lies is None else lies.read_bytes().decode("utf-8")
        if accepted != rendered:
            found.append(Difference(path=path, accepted=accepted, rendered=rendered))
    return found


def accept(renderer: CatalogueRenderer, message: Message) -> list[Path]:
    """Write the renderings that differ, forget those without a sample, and return the changed files.

    They are written into the message's own folder: what came with the program stays as it is.
    """
    changed = []
    wanted = dict(renderings(renderer, message))
    for difference in differences(renderer, message):
        difference.path.parent.mkdir(parents=True, exist_ok=True)
        difference.path.write_bytes(difference.rendered.encode("utf-8"))
        changed.append(difference.path)
    for path in sorted((message.folder / "expected").glob("*.*")):
        if path not in wanted:
            path.unlink()
            changed.append(path)
    return changed


def _lines(text: str) -> list[str]:
    return text.replace("><", ">\n<").split("\n")
