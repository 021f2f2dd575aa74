"""Blames nobody: the customer bought from us."""

from __future__ import annotations

from streams.templating.lint.finding import ForbiddenWords


class NoBlame(ForbiddenWords):
    """The carrier, the weather, a system or the customer is never the reason; what we send is ours to bring.

    False alarms: a sentence that names the carrier without blaming it ("drop it off at the carrier");
    only causes are matched.
    """

    patterns = {
        "en": (
            (
                r"\b(?:due to|because of|caused by|thanks to) (?:the |our |a |an |bad |high |your )*"
                r"(?:carrier|courier|post|weather|storms?|system|supplier|warehouse|volume|demand|address)\b"
            ),
            r"\b(?:unforeseen|beyond our control|circumstances|technical (?:error|issue|problem)s?)\b",
            r"\byou (?:were not|weren't|failed|forgot|did not provide|entered)\b",
            r"\b(?:mistakes were made|(?:was|were|has been|have been) (?:lost|delayed|misplaced))\b",
        ),
        "pt": (
            (
                r"\b(?:devido a[os]?|por causa d[aeo]s?|causad[oa] pel[ao]s?) (?:\w+ )?"
                r"(?:transportadora|correios?|clima|tempo|chuvas?|sistema|fornecedor|demanda|endereço)\b"
            ),
            r"\b(?:imprevistos?|alheios? à nossa vontade|motivos? de força maior|(?:erro|falha|problema) técnic[oa])\b",
            r"\bvocê (?:não estava|esqueceu|não informou|deixou de)\b",
        ),
    }
    because = "take it on ourselves; the customer bought from us"


RULE = NoBlame()
