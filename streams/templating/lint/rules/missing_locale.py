"""Speaks every language that the house speaks."""

from __future__ import annotations

from collections.abc import Iterable

from streams.templating.catalogue import Catalogue, Message
from streams.templating.lint.finding import Found, Quiet


class MissingLocale(Quiet):
    """A language with shared phrases promises its readers whole mails; without words they get English."""

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:
        """Compare the words of a folder with the phrases of the house."""
        for locale in sorted(set(catalogue.phrases) - set(message.words)):
            yield Found(
                f"{message.name}/{locale}.md", f"there are no words in {locale}; its readers get English"
            )


RULE = MissingLocale()
