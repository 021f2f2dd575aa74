"""What is done with EasyPost's answers wherever they are asked for."""

from __future__ import annotations

from typing import Final, TypeVar

from streams.labels import trouble
from streams.labels.easypost.api import Gone, No, Silence
from streams.labels.easypost.shipment import Shipment
from streams.problems import WorldProblem

SELLER: Final = "EasyPost"

Found = TypeVar("Found")


def answered(answer: Found | Gone | No | Silence, where: trouble.Parcel | str) -> Found:
    """Return what was found, where neither its absence nor a refusal would be an answer.

    Raises:
        WorldProblem: ``label-seller-unreachable`` or ``label-seller-refuses-us``.
    """
    if isinstance(answer, Silence):
        raise silent(answer, where)
    if isinstance(answer, Gone):
        raise trouble.refuses_us(SELLER, where, "it answered with 404: this is not its API")
    if isinstance(answer, No):
        raise trouble.unreachable(SELLER, where, answer.reason)
    return answer


def silent(silence: Silence, where: trouble.Parcel | str) -> WorldProblem:
    """Return the problem that a silence is."""
    if silence.passes:
        return trouble.unreachable(SELLER, where, silence.why)
    return trouble.refuses_us(SELLER, where, silence.why)


def why(answer: Shipment | Gone | No | Silence) -> str:
    """Return why an answer does not settle it."""
    match answer:
        case Silence():
            return answer.why
        case No():
            return answer.reason
        case _:
            return "its answer does not say so"
