"""Speaks every language that the house speaks."""

from __future__ import annotations

from collections.abc import Iterable

from streams.templating.catalogue import Catalogue, Message
from streams.templating.lint.finding import Found, Quiet


class MissingLocale(Quiet):
    """A language of the house promises its readers whole mails; without words they get English.

    The languages are `locales` of message.toml; where it lists none, those of brand.toml; where that lists
    none either, every one that has shared phrases.
    """

    why = "a mail in another language than the last one reads as if it were not from us"
    source = "message.toml, brand.toml and templates/_phrases/"

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:
        """Compare the words of a folder with the languages of the house."""
        spoken = message.card.locales or catalogue.brand.locales or tuple(catalogue.phrases)
        for locale in sorted(set(spoken) - set(message.words)):
            yield Found(
                f"{message.name}/{locale}.md", f"there are no words in {locale}; its readers get English"
            )


RULE = MissingLocale()
