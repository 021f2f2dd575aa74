"""Every message has a typical and a worst sample, or nobody has seen it."""

from __future__ import annotations

from collections.abc import Iterable

from streams.templating.catalogue import Catalogue, Message
from streams.templating.lint.finding import Found, Quiet


class HasSamples(Quiet):
    """What is not rendered is not read: previews, goldens and the other rules live on samples."""

    why = "words that nobody has seen filled in are words that nobody has read"
    source = "CONTRIBUTING.md, on words"

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Look for the two samples that every folder has."""
        have = {path.stem for path in message.samples()}
        for name in ("typical", "worst"):
            if name not in have:
                yield Found(f"{message.name}/samples", f"the sample {name}.json is missing")


RULE = HasSamples()
