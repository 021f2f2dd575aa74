"""Does not beg."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoBegging(ForbiddenWords):
    """Asking for forgiveness, or for another chance, asks the customer for one more thing.

    Of six elements of an apology the request for forgiveness counts least, and can be left out.
    """

    name = "no_begging"
    why = "we owe something and want nothing; asking to be forgiven turns that around"
    source = "Lewicki, Polin & Lount 2016, Negotiation and Conflict Management Research 9(2)"


RULE = NoBegging()
