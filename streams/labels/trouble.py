"""What can be wrong between us and a seller of labels, in the same words whoever sells them."""

from __future__ import annotations

from streams.core.events import ReturnLabelIssued, ReturnLabelRequested
from streams.problems import InputProblem, UsageProblem, WorldProblem

Parcel = ReturnLabelRequested | ReturnLabelIssued


def not_set(seller: str, what: str, hint: str) -> UsageProblem:
    """Return the problem of a setting that a seller cannot do without."""
    return UsageProblem(
        "label-not-set",
        f"the label provider {seller} needs {what}",
        where="FIRSTWORD_LABEL_PROVIDER",
        hint=hint,
    )


def in_doubt(seller: str, parcel: Parcel, why: str) -> WorldProblem:
    """Return the problem of a label that may have been paid for, or given back, and nobody said so."""
    return WorldProblem(
        "label-in-doubt",
        f"{seller} did not say what became of a return label",
        where=_where(parcel),
        why=why,
        hint="nothing to do: before anything is bought it is looked up, again until there is an answer",
        retriable=True,
    )


def unreachable(seller: str, where: Parcel | str, why: str) -> WorldProblem:
    """Return the problem of a seller that does not answer, and has sold nothing by that."""
    return WorldProblem(
        "label-seller-unreachable",
        f"{seller} does not answer",
        where=where if isinstance(where, str) else _where(where),
        why=why,
        hint="nothing to do: it is asked again until it answers",
        retriable=True,
    )


def refuses_us(seller: str, where: Parcel | str, why: str) -> WorldProblem:
    """Return the problem of a seller that takes no requests from us, whatever they ask for."""
    return WorldProblem(
        "label-seller-refuses-us",
        f"{seller} does not take requests from us",
        where=where if isinstance(where, str) else _where(where),
        why=why,
        hint="see that FIRSTWORD_LABEL_URL and FIRSTWORD_LABEL_KEY are right and that the account has money; it is asked again until it answers",
        retriable=True,
    )


def not_ours(seller: str, issued: ReturnLabelIssued) -> InputProblem:
    """Return the problem of a label that another seller issued."""
    return InputProblem(
        "label-of-another-provider",
        f"The label {issued.label_id} was not issued by {seller}.",
        where=_where(issued),
        hint="Set FIRSTWORD_LABEL_PROVIDER to the provider that issued it.",
    )


def _where(parcel: Parcel) -> str:
    return f"order {parcel.order_id}, return {parcel.return_id}"
