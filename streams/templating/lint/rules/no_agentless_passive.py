"""Says who did it: we."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoAgentlessPassive(ForbiddenWords):
    """A parcel that "was lost" is nobody's deed; "we have lost your parcel" is ours.

    Only verbs of failure count. What is done for the customer may stand in the passive ("your refund has
    been paid"), and so may a failure with its doer in the sentence ("was packed wrongly by us").
    """

    name = "no_agentless_passive"
    why = "a failure without a doer reads as if nobody were responsible"
    source = "Lewicki, Polin & Lount 2016, Negotiation and Conflict Management Research 9(2)"


RULE = NoAgentlessPassive()
