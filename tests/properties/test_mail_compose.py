"""The own MIME writer against the standard library's parser: whatever goes in comes back, and nothing breaks out."""

from base64 import b64decode
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import unquote
from unicodedata import bidirectional, category

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.core.events import Letter, MessageQueued
from streams.mail.compose import _base64, _encoded, compose
from streams.mail.headers import clean
from streams.mail.identity import Identity
from streams.pipeline.ports import Attachment, RenderedMail
from streams.pipeline.thread_root import Root, read_root
from streams.templating.page import WovenMail

FRIDAY = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
SHOP = Identity(
    from_address="care@shop.example",
    from_name="Armchair & Söhne",
    reply_to="ida@shop.example",
    reply_to_name="Ida from Armchair",
    message_id_domain="mail.shop.example",
)
# Every character there is, and every second time one that breaks headers or screens. A list, because an
# alphabet of both would be merged and the few drowned in the many.
NASTY = ["\r", "\n", "\r\n", "\r\nBcc: eve@example.org", "\x00", "\x0b", "\t", " ", "  ", '"', "\\", "<", ">"]
NASTY += [
    "@",
    ",",
    ";",
    ":",
    "=?",
    "?=",
    "=",
    ".",
    "\n.\n",
    "From ",
    "--",
    "\x85",
    "\u2028",
    "\u2029",
    "\ufeff",
]
NASTY += ["\u202a", "\u202e", "\u2066", "\u2069", "\u200f", "\ud800", "é", "語", "👩‍🚀"]
TEXT = st.lists(st.sampled_from(NASTY) | st.characters() | st.text("abc ", max_size=9), max_size=40).map(
    "".join
)
BIDI_CONTROLS = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
HEADERS_OF_A_FIRST_MAIL = [
    "Date",
    "From",
    "Reply-To",
    "MIME-Version",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "To",
    "Message-ID",
    "Subject",
    "X-Firstword-Message",
    "X-Firstword-Order",
    "X-Firstword-Case",
    "X-Firstword-Template",
    "Content-Type",
]


def queued(name="Bob", *, message_id="msg_armchair", order_id="ORD-1", case_id="case_1", thread=()):
    return MessageQueued(
        order_id=order_id,
        decision_id="d1",
        message_id=message_id,
        case_id=case_id,
        template="late",
        locale="en",
        to_hash="h",
        thread=thread,
        letter=Letter(to="bob@example.com", customer_name=name, time_zone="Europe/Berlin"),
    )


def mail(subject="Your armchair is late", text="Sorry.\n", html="<p>Sorry.</p>"):
    return RenderedMail(subject=subject, preheader="", text=text, html=html, template_version="1")


def written(message, rendered, attachments=(), *, identity=SHOP, first_subject=None):
    return compose(
        message,
        rendered,
        attachments,
        identity=identity,
        to="bob@example.com",
        first_subject=first_subject,
        date=FRIDAY,
    )


def parsed(content):
    found = message_from_bytes(content, policy=policy.default)
    assert [defect for part in found.walk() for defect in part.defects] == []
    assert [defect for value in found.values() for defect in value.defects] == []
    return found


def display_name(content):
    """Return the name in To; the older decoder, because the newer one puts spaces between encoded words."""
    raw = message_from_bytes(content, policy=policy.compat32)["To"]
    phrase = raw.replace("<bob@example.com>", "").replace("bob@example.com", "").strip()
    if phrase.startswith('"'):
        return unquote(phrase)
    return str(make_header(decode_header(phrase)))


def assert_lines_are_sound(content):
    lines = content.split(b"\r\n")

    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
    assert max(map(len, lines)) <= 998
    assert content.isascii()
    assert content.endswith(b"\r\n")


def unix(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()


@settings(max_examples=150, deadline=None)
@given(name=TEXT, subject=TEXT, order_id=TEXT, case_id=TEXT, message_id=TEXT)
def test_nothing_in_names_ids_or_subjects_adds_or_bends_a_header(
    name, subject, order_id, case_id, message_id
):
    """A mail has the headers it should have, once each, and each says what was meant, cleaned."""
    content = written(queued(name, order_id=order_id, case_id=case_id, message_id=message_id), mail(subject))
    found = parsed(content)

    assert_lines_are_sound(content)
    assert [name for name in found if name != "References"] == HEADERS_OF_A_FIRST_MAIL
    assert found["Subject"] == clean(subject, 400)
    assert found["X-Firstword-Order"] == clean(order_id, 400)
    assert found["X-Firstword-Case"] == clean(case_id, 400)
    assert [address.addr_spec for address in found["To"].addresses] == ["bob@example.com"]
    assert display_name(content) == clean(name, 100)
    assert found["From"].addresses[0].display_name == "Armchair & Söhne"


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_a_clean_text_is_one_line_to_read(text):
    """No control, no line break, nothing that reorders the screen, no half characters; words stay."""
    shown = clean(text, 400)

    assert not [letter for letter in shown if category(letter) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not [letter for letter in shown if bidirectional(letter) in BIDI_CONTROLS]
    assert len(shown.splitlines()) <= 1
    assert [letter for letter in shown if letter.isalnum()] == [letter for letter in text if letter.isalnum()]


@settings(max_examples=100, deadline=None)
@given(text=TEXT | st.text("a =.\n", max_size=400), html=TEXT | st.text("<ä> \n", max_size=4000))
def test_both_bodies_come_back_as_they_were(text, html):
    """Text and HTML survive encoding; only line ends are unified."""
    content = written(queued(), mail(text=text, html=html))
    found = parsed(content)
    plain, rich = found.iter_parts()

    assert_lines_are_sound(content)
    assert found.get_content_type() == "multipart/alternative"
    assert (plain.get_content_type(), unix(plain.get_content())) == ("text/plain", unix(text))
    assert (rich.get_content_type(), unix(rich.get_content())) == ("text/html", unix(html))


LONG = st.builds(
    lambda text, size: (text * 1100)[:size],
    st.text("<pä€> \n", min_size=1, max_size=9),
    st.integers(990, 1100),
)
PIECE = TEXT | st.text("<ä> \n", max_size=40) | LONG


@settings(max_examples=100, deadline=None)
@given(kept=st.lists(PIECE, min_size=1, max_size=6), own=st.lists(PIECE, min_size=1, max_size=6))
def test_html_in_pieces_is_the_html_in_one(kept, own):
    """Pieces come back joined, wherever they begin, and also when an earlier mail had them at another place."""
    pieces = [text.replace("\r", " ") for pair in zip(own, kept, strict=False) for text in pair]
    for shift in ("", "x", "xx"):
        woven = WovenMail.of([shift, *pieces], subject="s", preheader="", text="t", template_version="1")
        content = written(queued(), woven)
        _, rich = parsed(content).iter_parts()

        assert_lines_are_sound(content)
        assert all(len(line) <= 76 for line in rich.get_payload().splitlines())
        assert unix(rich.get_content()) == unix(shift + "".join(pieces))
        assert content == written(queued(), woven)


def test_html_that_nobody_cut_is_not_kept():
    """The memo is for what comes again; a whole page of one customer does not."""
    before = _encoded.cache_info()
    written(queued(), mail(html="<p>only once</p>" * 100))

    assert _encoded.cache_info() == before


@settings(max_examples=100, deadline=None)
@given(size=st.integers(0, 120) | st.integers(2_700, 2_800) | st.integers(0, 20_000))
def test_lines_are_cut_at_76(size):
    """Every line but the last is full, whatever the length, and the last one ends too."""
    content = bytes(index % 251 for index in range(size))
    lines = _base64(content).split(b"\r\n")

    assert lines.pop() == b""
    assert [len(line) for line in lines[:-1]] == [76] * (len(lines) - 1)
    assert all(0 < len(line) <= 76 for line in lines)
    assert b64decode(b"".join(lines)) == content


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(
            Attachment,
            filename=TEXT,
            media_type=st.sampled_from(
                ["application/pdf", "image/png", "text/csv", "multipart/mixed", "b\r\nad"]
            ),
            content=st.binary(max_size=300),
        ),
        min_size=1,
        max_size=3,
    )
)
@example([Attachment(filename='""', media_type="application/pdf", content=b"")])  # once had no name at all
def test_attachments_travel_around_the_bodies(attachments):
    """multipart/mixed with the alternative first; content and a harmless name come back."""
    content = written(queued(), mail(), tuple(attachments))
    found = parsed(content)
    body, *files = found.iter_parts()

    assert_lines_are_sound(content)
    assert found.get_content_type() == "multipart/mixed"
    assert body.get_content_type() == "multipart/alternative"
    assert [file.get_payload(decode=True) for file in files] == [each.content for each in attachments]
    assert all(file.get_content_disposition() == "attachment" for file in files)
    assert all(
        file.get_filename() and not set(file.get_filename()) & set("/\\\r\n\x00\u202e") for file in files
    )


@settings(max_examples=100, deadline=None)
@given(words=st.lists(st.text("abc:;,.-", min_size=1, max_size=90), min_size=1, max_size=12))
def test_long_subjects_fold_and_unfold(words):
    """Folding happens at spaces only, so the parser puts the same subject together again."""
    subject = clean(" ".join(words), 400)

    assert parsed(written(queued(), mail(subject)))["Subject"] == subject


def test_a_label_keeps_its_name_and_its_ending():
    """Umlauts go as RFC 2231; a long name is cut before its ending."""
    files = tuple(
        Attachment(filename=name, media_type="application/pdf", content=b"%PDF")
        for name in ("Rücksendeetikett.pdf", "l" * 90 + ".pdf")
    )
    _, umlaut, long = parsed(written(queued(), mail(), files)).iter_parts()

    assert umlaut.get_filename() == "Rücksendeetikett.pdf"
    assert long.get_filename() == "l" * 56 + ".pdf"


def test_a_later_mail_joins_the_conversation():
    """It refers to the mails before it, and keeps the first one's subject: Gmail looks at both."""
    later = parsed(
        written(queued(message_id="msg_3", thread=("msg_1", "msg_2")), mail("News"), first_subject="Late")
    )

    root, *earlier = later["References"].split()
    assert earlier == ["<msg_1@mail.shop.example>", "<msg_2@mail.shop.example>"]
    assert root.startswith("<re.")
    assert later["In-Reply-To"] == "<msg_2@mail.shop.example>"
    assert later["Message-ID"] == "<msg_3@mail.shop.example>"
    assert later["Subject"] == "Late"


def test_a_relay_that_renames_mails_does_not_break_threads():
    """With `relay_renames`, the id we gave is among the References from the first mail on."""
    identity = Identity(
        from_address="care@shop.example",
        reply_to="ida@shop.example",
        message_id_domain="shop.example",
        relay_renames=True,
    )

    references = parsed(written(queued(), mail(), identity=identity))["References"].split()
    assert references[1:] == ["<msg_armchair@shop.example>"]


@given(st.text(min_size=1, max_size=256) | st.from_regex(r"[A-Za-z0-9_.-]{1,256}", fullmatch=True))
@example("CRUNCHY-ARMCHAIR")
@example("\U0001f4e6" * 50)
def test_an_answer_tells_its_order(order_id):
    """What the first reference says is read as it was written, or was not written at all."""
    message = msgspec.structs.replace(queued(), order_id=order_id)
    names = (parsed(written(message, mail()))["References"] or "").split()
    found = [read_root(one[1:].partition("@")[0]) for one in names]

    if names:
        assert found == [Root(order_id, message.case_id)]
    else:
        assert len(order_id.encode()) > 200


def test_headers_that_keep_machines_quiet_and_humans_reachable():
    """Auto-replies are suppressed, bounces are not, and a person gets the answer."""
    found = parsed(written(queued(), mail()))

    assert found["Auto-Submitted"] == "auto-generated"
    assert found["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert found["Reply-To"] == "Ida from Armchair <ida@shop.example>"
    assert found["X-Firstword-Message"] == "msg_armchair"
    assert found["X-Firstword-Template"] == "late"
    assert found["Date"].datetime == FRIDAY


def test_the_same_input_is_the_same_mail_to_the_last_byte():
    """Boundaries come from the message id and the date from outside."""
    files = (Attachment(filename="label.pdf", media_type="application/pdf", content=b"%PDF" * 100),)

    assert written(queued(), mail(), files) == written(queued(), mail(), files)


@pytest.mark.parametrize(
    "name", ["Bob\r\nBcc: eve@example.org", "Bob\nBcc: eve@example.org", "Bob\x0bBcc: x"]
)
def test_a_name_cannot_add_a_recipient(name):
    """The classic injection becomes a strange name, not a header."""
    found = parsed(written(queued(name), mail(name)))

    assert "Bcc" not in found
    assert len(found["To"].addresses) == 1


def test_a_word_that_looks_encoded_is_not_decoded():
    """`=?utf-8?b?...?=` typed by a customer stays what it looks like."""
    typed = "=?utf-8?b?QmNjOg==?="

    assert parsed(written(queued(typed), mail(typed)))["Subject"] == typed
    assert parsed(written(queued(typed), mail(typed)))["To"].addresses[0].display_name == typed
