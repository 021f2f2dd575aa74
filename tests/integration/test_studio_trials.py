"""Test mails: real ones to real servers, that nobody can mistake, follow or post a parcel with."""

import email
import re
from email import policy

import pypdfium2
import pytest

from streams.mail.trial import inert
from streams.pipeline.ports import RenderedMail
from tests.mail_receiver import MailReceiver
from tests.studio_rig import studio

ALLOWED = "marina@shop.example.com, @agency.example.com"


@pytest.fixture
def receiver():
    with MailReceiver() as server:
        yield server


@pytest.fixture
def room(tmp_path, receiver):
    folder = tmp_path / "words"
    folder.mkdir()
    settings = {
        "FIRSTWORD_MAIL_URL": f"smtp://127.0.0.1:{receiver.port}?tls=none",
        "FIRSTWORD_TEST_RECIPIENTS": ALLOWED,
    }
    with studio(folder, "--data", tmp_path / "shop", **settings) as visit:
        yield visit


def parsed(receiver):
    return [email.message_from_bytes(content, policy=policy.default) for content in receiver.mailbox]


def send(room, **more):
    asked = {"message": "wrong_item", "locale": "en", "sample": "typical", "to": "marina@shop.example.com"}
    return room.post("/api/send-test", **(asked | more))


def test_a_test_mail_says_so_and_leads_nowhere(room, receiver, tmp_path):
    """Its subject, a header and its label tell what it is; no link, no script and no order of anybody is in it."""
    sent = send(room, message="return_follow_up")  # it has a link and a label
    (mail,) = parsed(receiver)
    html = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()
    (label,) = mail.iter_attachments()
    links = re.findall(r'\shref="([^"]*)"', html)

    assert sent.status == 200
    assert mail["Subject"].startswith("[TEST] ")
    assert mail["X-Firstword-Test"] == "1"
    assert (mail["To"], mail["Message-ID"]) == ("marina@shop.example.com", sent.json["message_id"])
    assert links
    assert set(links) == {"about:blank"}
    assert "<script" not in html
    assert not re.search(r"https?://|mailto:", text)
    assert mail["X-Firstword-Order"] == "test"
    assert "VOID" in pypdfium2.PdfDocument(label.get_content())[0].get_textpage().get_text_range()
    assert label.get_filename() == "return-label-VOID.pdf"


def test_a_test_mail_is_in_no_ledger(room, receiver, tmp_path):
    """It is not counted, not looked for, and not sent again: nothing of it is written down."""
    send(room)

    assert len(receiver.mailbox) == 1
    assert [path.name for path in (tmp_path / "shop").rglob("*") if path.is_file()] == []


def test_two_tests_are_two_mails(room, receiver):
    """A test may be sent as often as one likes: each has an id of its own."""
    ids = {send(room).json["message_id"] for _ in range(2)}

    assert len(ids) == 2
    assert len(receiver.mailbox) == 2


def test_what_is_on_the_screen_is_what_is_sent(room, receiver):
    """Words that are not saved yet are sent as they stand."""
    text = room.file("wrong_item")["text"].replace(
        "{{ greeting }}\n", "{{ greeting }}\n\nA sentence of today.\n"
    )
    send(room, text=text)

    assert "A sentence of today." in parsed(receiver)[0].get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    "to",
    [
        "customer@example.com",
        "marina@shop.example.com.evil.example",
        "marina+x@shop.example.com",
        "someone@sub.agency.example.com",
        "agency.example.com@evil.example.com",
    ],
)
def test_nobody_is_sent_a_test_who_was_not_named(room, receiver, to):
    """Only the addresses and domains of the setting, to the letter."""
    refused = send(room, to=to)

    assert (refused.status, refused.code) == (403, "test-recipient-not-allowed")
    assert receiver.mailbox == []


@pytest.mark.parametrize("to", ["someone@agency.example.com", "MARINA@shop.example.com"])
def test_a_domain_and_any_case_of_letters_will_do(room, receiver, to):
    """An address is the same in capitals; a domain stands for all who are there."""
    assert send(room, to=to).status == 200
    assert len(receiver.mailbox) == 1


@pytest.mark.parametrize(
    "to",
    ["", "nobody", "a@b", "marina@shop.example.com, x@evil.example", "x@agency.example.com\r\nBcc: a@b.c"],
)
def test_what_is_no_address_gets_nothing(room, receiver, to):
    """No second recipient and no header comes in by this door."""
    refused = send(room, to=to)

    assert (refused.status, refused.code) == (400, "test-recipient-wrong")
    assert receiver.mailbox == []


def test_where_nobody_was_named_nobody_is_written_to(tmp_path, receiver):
    """Without the setting there are no test mails at all."""
    folder = tmp_path / "words"
    folder.mkdir()
    with studio(folder, FIRSTWORD_MAIL_URL=f"smtp://127.0.0.1:{receiver.port}?tls=none") as room:
        refused = send(room)

    assert (refused.status, refused.code) == (403, "test-recipient-not-allowed")
    assert receiver.mailbox == []


def test_a_relay_that_is_not_there_is_told(tmp_path):
    """What the relay says is what the page says; the studio goes on."""
    folder = tmp_path / "words"
    folder.mkdir()
    settings = {"FIRSTWORD_MAIL_URL": "smtp://127.0.0.1:1?tls=none", "FIRSTWORD_TEST_RECIPIENTS": ALLOWED}
    with studio(folder, **settings) as room:
        refused = send(room)
        after = room.preview()

    assert (refused.status, refused.code) == (503, "test-not-sent")
    assert after.status == 200


@pytest.mark.parametrize(
    ("html", "made"),
    [
        ('<a href="https://x.example/?a=1&amp;b=2">x</a>', '<a href="about:blank">x</a>'),
        ("<a HREF='mailto:a@b.c'>x</a>", '<a HREF="about:blank">x</a>'),
        ("<a class=b href=https://x.example>x</a>", '<a class=b href="about:blank">x</a>'),
        ('<a title="a > b" href="https://x.example">x</a>', '<a title="a > b" href="about:blank">x</a>'),
        ('<a title="href=1" href="x">x</a>', '<a title="href=1" href="about:blank">x</a>'),
        ('<img src="https://x.example/pixel.gif">', '<img src="about:blank">'),
        ('<img src="cid:label">', '<img src="cid:label">'),
        ('<td background="https://x.example/a.png">', '<td background="about:blank">'),
        ("<p>href=&quot;https://x&quot; stays</p>", "<p>href=&quot;https://x&quot; stays</p>"),
        ('<script type="application/ld+json">{"a": "<b>"}</script>x', "x"),
        (
            '<!--[if mso]><v:rect href="https://x.example"><![endif]-->',
            '<!--[if mso]><v:rect href="about:blank"><![endif]-->',
        ),
    ],
)
def test_everything_that_leads_or_loads_is_taken_out(html, made):
    """Links, pictures and what mail programs act on; what a customer wrote stays the text that it is."""
    mail = RenderedMail(
        subject="A", preheader="B", text="see https://x.example/a (b)", html=html, template_version="1"
    )

    assert inert(mail).html == made
    assert inert(mail).text == "see about:blank (b)"
    assert inert(mail).subject == "[TEST] A"
