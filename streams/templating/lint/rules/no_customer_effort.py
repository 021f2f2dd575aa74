"""Costs the customer neither effort nor money."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoCustomerEffort(ForbiddenWords):
    """No printing, calling, logging in, proving, no forms and no fees: who made the mistake does the work.

    Sentences that take such a thing away ("there is no form to fill in") are let through.
    """

    name = "no_customer_effort"
    why = "our mistake is put right at our cost and their convenience"
    source = "Dixon, Freeman & Toman 2010, Harvard Business Review 88(7-8)"


RULE = NoCustomerEffort()
