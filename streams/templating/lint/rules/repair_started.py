"""Says what is already being done about it."""

from __future__ import annotations

from streams.templating.lint.tone import RequiredWords


class RepairStarted(RequiredWords):
    """Repair that has begun is worth more than any adjective; repair on conditions is none.

    On every way through the words something is under way, or the customer is given the choice: in the
    paragraph marked ``{# slot: repair #}`` where there is one. "Once we receive the item" and "we will look
    into it" are found wherever they stand.
    """

    name = "repair_started"
    slot = "repair"
    lacking = "nothing here says what is already being done"
    why = "an offer of repair counts second only to responsibility, and more when it has begun"
    source = "Lewicki, Polin & Lount 2016; Halperin, Ho, List & Muir 2022"


RULE = RepairStarted()
