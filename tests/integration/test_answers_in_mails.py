"""Mails of a shop that signs links: the follow-up note can be stopped with one click, and nothing else can."""

import re

import pytest

from streams.assets import templates_dir
from streams.links import LASTING, Signer
from streams.settings import load
from streams.templating.catalogue import load_catalogue
from tests import answers_rig as rig

NOTE = "return_follow_up"
MESSAGES = load_catalogue(templates_dir()).messages
# What the note asks to reply with where there is no page.
REPLY_WORDS = {"en": '"stop"', "de": "„Stopp“", "es": '"baja"', "fr": r"«\s*stop\s*»", "pt_BR": '"parar"'}
LINK = re.compile(rf"{re.escape(rig.PUBLIC)}/a/[A-Za-z0-9_.-]+")


def numbered(name, number, locale="en"):
    import msgspec

    message = rig.sample(name, locale)
    return msgspec.structs.replace(message, message_id=f"msg_{number}", case_id=f"cas_{number}", thread=())


def test_only_the_note_can_be_unsubscribed_from(tmp_path):
    """Both fields as RFC 8058 writes them; an apology, a label or a replacement is no subscription."""
    mails = rig.sent(tmp_path, *(numbered(name, at) for at, name in enumerate(MESSAGES)))

    assert set(mails) == set(MESSAGES)
    assert [name for name, one in mails.items() if "List-Unsubscribe" in one] == [NOTE]
    assert [name for name, one in mails.items() if "List-Unsubscribe-Post" in one] == [NOTE]
    assert mails[NOTE]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert LINK.fullmatch(mails[NOTE]["List-Unsubscribe"].removeprefix("<").removesuffix(">"))


def test_the_link_says_whose_and_what(tmp_path):
    """It can be read by whoever has the secret, and ends 90 days after the mail was queued."""
    message = rig.sample(NOTE, "de")
    mail = rig.sent(tmp_path, message)[NOTE]
    token = mail["List-Unsubscribe"].strip("<>").removeprefix(f"{rig.PUBLIC}/a/")

    choice = Signer(rig.SECRET).read(token, rig.QUEUED)

    assert (choice.order_id, choice.case_id, choice.message_id) == (
        message.order_id,
        message.case_id,
        message.message_id,
    )
    assert (choice.answer, choice.locale) == ("stop", message.locale)
    assert choice.expires == (rig.QUEUED + LASTING).timestamp()


@pytest.mark.parametrize("locale", REPLY_WORDS)
def test_words_and_link_agree(tmp_path, locale):
    """Who can press a button is not asked to reply with a word, in the page and in plain text alike."""
    signed = rig.sent(tmp_path / "signed", numbered(NOTE, 1, locale))[NOTE]
    plain = rig.sent(tmp_path / "plain", numbered(NOTE, 1, locale), given=load({}, data=tmp_path / "plain"))[
        NOTE
    ]

    assert re.search(REPLY_WORDS[locale], rig.plain(plain))
    assert not re.search(REPLY_WORDS[locale], rig.plain(signed))
    for text in (rig.html(signed), rig.plain(signed)):
        assert LINK.search(text)
        assert "STOP" not in text
    for text in (rig.html(plain), rig.plain(plain)):
        assert "/a/" not in text
    assert "STOP" in rig.html(plain)
    assert "List-Unsubscribe" not in plain


def test_the_same_mail_is_the_same_bytes(tmp_path):
    """Two shops with one secret send one mail: nothing in it is of the moment in which it is written."""
    first, second = (
        rig.sent(tmp_path / name, numbered(NOTE, 1))[NOTE].as_bytes() for name in ("first", "second")
    )

    assert first == second


def test_a_page_on_this_machine_is_no_opt_out(tmp_path):
    """Mail programs ask for https; the words still lead there, for whoever tries it out."""
    given = rig.settings(tmp_path, FIRSTWORD_PUBLIC_URL="http://127.0.0.1:8300")
    mail = rig.sent(tmp_path, rig.sample(NOTE), given=given)[NOTE]

    assert "http://127.0.0.1:8300/a/" in rig.plain(mail)
    assert "List-Unsubscribe" not in mail
