"""Blames nobody: the customer bought from us."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoBlame(ForbiddenWords):
    """The carrier, the weather, a system or the customer is never the reason; what we send is ours to bring.

    False alarms: a sentence that names the carrier without blaming it ("drop it off at the carrier");
    only causes are matched.
    """

    name = "no_blame"
    why = "the customer bought from us; who else had a hand in it is ours to settle"
    source = "Lewicki, Polin & Lount 2016, Negotiation and Conflict Management Research 9(2)"


RULE = NoBlame()
