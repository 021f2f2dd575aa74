"""The story that the product exists for: one marker set was bought, another was packed."""

from datetime import datetime

import pypdfium2
import pytest
import zxingcpp

from tests.embedded_runs import HISTORIES, run_history


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    return run_history(tmp_path_factory.mktemp("marker"), f"native={HISTORIES / 'marker_story.ndjson'}")


def body(mail):
    return mail.get_body(("plain",)).get_content()


def test_two_mails_and_nothing_else(story):
    """One apology, one kind note days later; nothing else is ever sent."""
    assert [mail["X-Firstword-Template"] for mail in story.mails()] == ["wrong_item", "return_follow_up"]


def test_told_before_the_carrier_has_the_box(story):
    """The customer hears of it hours before the first carrier scan."""
    first_scan = datetime.fromisoformat("2026-03-03T22:40:00+00:00")

    assert story.mails()[0]["Date"].datetime < first_scan


def test_the_replacement_is_requested_before_the_mail_speaks_of_it(story):
    """What the mail calls done is done: the expedited replacement stands before the mail in the journal."""
    (request,) = story.of("replacement.requested.v1")
    queued = story.of("message.queued.v1")[0]

    assert request.number < queued.number
    assert request.fact.expedited
    assert [(piece.sku, piece.quantity) for piece in request.fact.lines] == [("MARK-BRUSH-12", 1)]


def test_the_apology_is_said_once_and_early(story):
    """Acknowledge, apologize once, take responsibility."""
    text = body(story.mails()[0])

    assert text.count("sorry") == 1
    assert text.index("sorry") < text.index("Brush marker set")
    assert "our mistake" in text


def test_no_pressure(story):
    """No deadline, fee, form or blame; after a day it is simply theirs to keep."""
    for mail in story.mails():
        text = body(mail).lower()
        assert "yours to keep" in text
        for word in (
            "must",
            "deadline",
            "within",
            "fee",
            "charge",
            "carrier's",
            "unfortunately",
            "inconvenience",
        ):
            assert word not in text, word


def test_the_label_is_attached_and_its_barcode_is_the_number_in_the_mail(story):
    """The label that travels with the mail decodes to the tracking number that the mail names."""
    mail = story.mails()[0]
    (attachment,) = mail.iter_attachments()
    page = pypdfium2.PdfDocument(attachment.get_content())[0]
    codes = {code.text for code in zxingcpp.read_barcodes(page.render(scale=203 / 72).to_pil())}
    (issued,) = story.of("return_label.issued.v1")

    assert issued.fact.tracking_number in body(mail)
    assert codes == {issued.fact.tracking_number}


def test_the_note_comes_days_after_the_replacement_and_in_the_same_thread(story):
    """The note waits for the replacement's arrival and the policy's days, and answers the first mail."""
    first, note = story.mails()
    arrived = datetime.fromisoformat("2026-03-05T19:47:00+00:00")

    assert (note["Date"].datetime - arrived).days >= 3
    assert note["In-Reply-To"] == first["Message-ID"]
    assert note["Subject"] == first["Subject"]


def test_no_note_when_the_return_was_seen(tmp_path):
    """If the return is seen first, the one apology stays the only mail."""
    story = run_history(tmp_path, f"native={HISTORIES / 'marker_story_returned.ndjson'}")

    assert [mail["X-Firstword-Template"] for mail in story.mails()] == ["wrong_item"]


def test_everything_came_in_and_was_folded(story):
    """Fourteen events, none parked or buried."""
    assert story.summary.events == {
        "in": 14,
        "folded": 14,
        "duplicates": 0,
        "parked": 0,
        "dead_letters": 0,
        "ignored": 0,
    }
