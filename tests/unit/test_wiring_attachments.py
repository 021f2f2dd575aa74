"""The label of a mail: attached where it was promised, and never silently left out."""

import msgspec
import pytest

from streams.assets import templates_dir
from streams.labels.store import LabelStore
from streams.problems import WorldProblem
from streams.templating.samples import read_sample
from streams.wiring import Attachments

SAMPLE = read_sample(templates_dir() / "wrong_item" / "samples" / "typical.json", "wrong_item", "en")


def message(label_id):
    letter = msgspec.structs.replace(SAMPLE.letter, label_id=label_id, label_tracking_number="HP1US")
    return msgspec.structs.replace(SAMPLE, letter=letter)


def test_a_mail_carries_the_label_that_it_was_decided_with(tmp_path):
    """The PDF from the shelf, named by its tracking number."""
    store = LabelStore(tmp_path)
    store.put("lbl_1", b"%PDF-1.4")

    (found,) = Attachments(store)(message("lbl_1"))

    assert (found.filename, found.media_type, found.content) == (
        "return-label-HP1US.pdf",
        "application/pdf",
        b"%PDF-1.4",
    )


def test_a_mail_that_was_decided_without_a_label_goes_without(tmp_path):
    """Its words promise none."""
    assert Attachments(LabelStore(tmp_path))(message(None)) == ()


def test_a_mail_whose_label_is_gone_waits(tmp_path):
    """Its words say that the label is attached: it is tried again, and a person learns which one is missing."""
    with pytest.raises(WorldProblem) as raised:
        Attachments(LabelStore(tmp_path))(message("lbl_1"))

    assert raised.value.code == "label-missing"
    assert raised.value.retriable
    assert "lbl_1" in raised.value.where
