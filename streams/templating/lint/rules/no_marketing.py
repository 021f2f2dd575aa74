"""Sells nothing in a mail about a failure."""

from __future__ import annotations

from streams.templating.lint.finding import ForbiddenWords


class NoMarketing(ForbiddenWords):
    """No offers, no exclamation marks: a mail about our mistake is not a shop window (16 CFR 316.3 on subjects)."""

    patterns = {
        "en": (r"!(?!=)", r"\b(?:discount|promo code|next purchase|check out our|special offer|sale)\b"),
        "pt": (r"!(?!=)", r"\b(?:desconto|cupom|promoção|próxima compra|oferta especial|aproveite)\b"),
    }
    because = "say it plainly; this mail sells nothing"


RULE = NoMarketing()
