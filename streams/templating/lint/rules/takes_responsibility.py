"""Takes responsibility in so many words."""

from __future__ import annotations

from streams.templating.lint.tone import RequiredWords


class TakesResponsibility(RequiredWords):
    """Of all that an apology can say, "this is our doing" counts most.

    The words say it on every way through them: in the paragraph marked ``{# slot: responsibility #}``
    where there is one. Sentences that deny it, or let "a problem occur", are found wherever they stand.
    """

    name = "takes_responsibility"
    slot = "responsibility"
    lacking = "nobody takes responsibility here"
    why = "acknowledging responsibility is what an apology is believed by"
    source = "Lewicki, Polin & Lount 2016, Negotiation and Conflict Management Research 9(2)"


RULE = TakesResponsibility()
