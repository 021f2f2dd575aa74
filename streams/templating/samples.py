"""Sample letters beside the words: invented customers, typical and worst, for previews and goldens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from streams.core.events import Letter, MessageQueued
from streams.problems import TemplateProblem


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``samples/<name>.json``: ``about`` says in a sentence why it exists."""

    about: str
    order_id: str
    letter: dict[str, Any]


def read_sample(path: Path, template: str, locale: str) -> MessageQueued:
    """Return the message that a sample stands for, in ``locale`` (``pt_BR``, or a variant: ``pt_BR@b``).

    Raises:
        TemplateProblem: the file is not a sample, or its letter has a field that letters do not have.
    """
    try:
        sample = msgspec.json.decode(path.read_bytes(), type=Sample)
        unknown = sorted(set(sample.letter) - set(Letter.__struct_encode_fields__))
        if unknown:
            raise msgspec.ValidationError(f"a letter has no `{unknown[0]}`")
        letter = msgspec.convert(sample.letter, Letter)
    except (OSError, msgspec.DecodeError) as error:
        raise TemplateProblem(
            "template-sample",
            "this sample cannot be used",
            where="/".join(path.parts[-4:]),
            why=str(error),
            hint="compare it with a sample of another message",
        ) from error
    return MessageQueued(
        order_id=sample.order_id,
        decision_id=f"sample_{path.stem}",
        message_id=f"sample_{path.stem}",
        case_id="sample",
        template=template,
        locale=locale,
        to_hash="sample",
        letter=letter,
    )
