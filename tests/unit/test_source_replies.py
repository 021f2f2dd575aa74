"""Customers' answers: the words that we ask for, whose they are, and what is the customer's own."""

from __future__ import annotations

import re
from pathlib import Path
from time import perf_counter

import msgspec
import pytest

import streams.sources.replies
from streams.assets import templates_dir
from streams.core.events import ChoiceMade, CustomerReplied
from streams.core.ids import identify
from streams.pipeline.ports import Ignored, Record, Rejected
from streams.sources.replies.adapter import SOURCE
from streams.sources.replies.words import choice_in

SAMPLES = Path(streams.sources.replies.__file__).parent / "samples"
ANSWERS = ("gmail", "outlook", "outlook_phone", "apple_stop", "thunderbird_refund")
HEAD = (
    "From: ines@example.net\nDate: Fri, 20 Nov 2026 15:02:04 +0000\nSubject: Re: News\n"
    "Message-ID: <a@example.net>\nReferences: <re.case_1.ORD-1@shop.example> <msg_1@shop.example>\n"
)
QUOTED = re.compile(r'(?:["„«“»]\s?)([^\W\d_]+)(?:\s?["“”»«])')


def translated(raw):
    return SOURCE.translate(Record(source="replies", place="x", position=0, raw=raw))


def text_of(body, head=HEAD):
    (found,) = translated(f"{head}\n{body}".encode("utf-8", "surrogatepass"))
    return found.fact.text


def asked_for(message):
    """Yield the words in quotation marks of a message, per language."""
    for file in sorted((templates_dir() / message).glob("*.md")):
        yield file.stem, QUOTED.findall(file.read_text("utf-8").partition("---")[2])


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "pt_BR"])
def test_the_word_that_stops_reminders_is_the_one_that_we_ask_for(language):
    """A customer who answers as we say, and is not understood, hears from us again."""
    words = dict(asked_for("return_follow_up"))[language]

    assert {choice_in(word) for word in words} == {"stop"}


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "pt_BR"])
def test_the_words_for_what_is_out_of_stock_are_those_that_we_ask_for(language):
    """Every word that this mail asks for is a choice, and both are asked for."""
    words = dict(asked_for("out_of_stock"))[language]

    assert {choice_in(word) for word in words} == {"refund", "wait"}


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "pt_BR"])
@pytest.mark.parametrize("message", ["late_delivery", "second_failure"])
def test_the_word_for_money_back_is_understood_wherever_we_ask_for_it(message, language):
    """The same word everywhere."""
    assert {choice_in(word) for word in dict(asked_for(message))[language]} == {"refund"}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_second_copy_is_the_same_event(name):
    """Mailboxes keep a mail twice, and mail systems end lines as they like."""
    raw = (SAMPLES / f"{name}.eml").read_bytes()
    once = translated(raw)

    assert once == translated(raw.replace(b"\n", b"\r\n"))
    assert once != translated(raw.replace(b"Message-ID: <", b"Message-ID: <2"))
    assert len({one.id for one in once}) == len(once)


@pytest.mark.parametrize("name", ANSWERS)
def test_nothing_that_we_wrote_is_taken_for_the_customers_word(name):
    """Else every answer to a mail with the word refund in it would be one."""
    said = [
        one.fact.text
        for one in translated((SAMPLES / f"{name}.eml").read_bytes())
        if one.fact.TYPE[0:4] == "cust"
    ]

    for word in ("packed the wrong", "Sessel eingepackt", "emballé", "rupture", "etiqueta", "wrote", "Ida"):
        assert not any(word in text for text in said)


@pytest.mark.parametrize("name", ANSWERS)
def test_no_answer_is_believed_without_its_conversation(name):
    """With any one line lost it is an answer to the same order, or a refusal that quotes nobody."""
    lines = (SAMPLES / f"{name}.eml").read_bytes().splitlines(keepends=True)
    for lost in range(len(lines)):
        found = translated(b"".join(lines[:lost] + lines[lost + 1 :]))
        if isinstance(found, Rejected):
            assert "ines" not in found.why.replace("lines", "")
            assert found.hint
        else:
            assert not isinstance(found, Ignored)
            assert {one.order_id for one in found} == {"CRUNCHY-ARMCHAIR"}


def test_a_long_answer_is_cut():
    """A person reads the mail itself."""
    assert text_of("a" * 5_000) == "a" * 2_000


def test_what_no_screen_shows_is_not_kept():
    """Controls, half characters, text that turns around."""
    body = "Hello\0 \x1b[31m\u202ered\ud800"
    found = text_of(body)

    assert found.startswith("Hello")
    assert all(letter.isprintable() for letter in found)
    assert text_of(r"a\ud800b", HEAD + "Content-Type: text/plain; charset=unicode_escape\n") == "a b"


@pytest.mark.parametrize(
    "word", ["Stop", " STOP. ", "“stop”", "„Stopp“", "« stop »", "*parar*", "Baja!", "stop\r"]
)
def test_a_word_is_a_word_however_it_is_written(word):
    """Capitals, quotation marks, a full stop."""
    (found,) = translated(f"{HEAD}\n{word}\n".encode())

    assert found.fact == ChoiceMade(order_id="ORD-1", case_id="case_1", choice="stop")


@pytest.mark.parametrize(
    "said",
    ["don't stop", "stop it", "refund?? no!", "nonstop", "I will wait", "stop refund", "cancel", "again"],
)
def test_more_than_the_word_is_for_a_person(said):
    """Nothing is read into a sentence."""
    (found,) = translated(f"{HEAD}\n{said}\n".encode())

    assert found.fact == CustomerReplied(order_id="ORD-1", message_id="msg_1", text=said)


@pytest.mark.parametrize(
    "body",
    [
        "On wrote " * 4_000,
        "\n".join(["On " + "wrote " * 60] * 1_000),
        "\n".join(["Le " + "a écrit" * 50] * 3_000),
        "\n".join(["From: x"] * 10_000),
        "-" * 30_000 + "\n" + "_" * 30_000,
        " \t" * 15_000,
        ">" * 30_000,
        "<a " * 10_000,
        "<!" * 15_000,
        "</a" * 10_000,
        "&#" * 15_000,
        "<script>" + "</s" * 10_000,
    ],
)
@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_no_answer_takes_long(kind, body):
    """Nobody can keep the intake busy with one mail; the slowest of these takes a tenth of the bound."""
    raw = f"{HEAD}Content-Type: {kind}\n\n{body}".encode()
    began = perf_counter()
    translated(raw)
    translated(raw.replace(b"From", b"<div><!--"))

    assert perf_counter() - began < 5


@pytest.mark.parametrize(
    "subject", ["=?hex?q?a?=", "=?utf-8?b?8J+YgA=?=", "=?utf-7?q?+2AA-?=", "=?idna?q?xn--=FF?=", "=?\0?q?a?="]
)
def test_a_subject_that_nobody_can_decode_stops_nothing(subject):
    """Charsets that are none, base64 that ends early, half a character."""
    head = HEAD.replace("Re: News", subject)

    assert text_of("Hello", head) == "Hello"
    assert isinstance(translated(f"{head.partition('References')[0]}\nHello".encode()), Rejected)


def test_the_case_is_the_mails_own():
    """A replacement's mails belong to the case of the first order, which its own id does not tell."""
    (found,) = translated(f"{HEAD}\nstop".replace("ORD-1", "ORD-2").encode())

    assert found.fact.case_id == "case_1" != identify("case", "ORD-2")
    assert msgspec.json.decode(found.data)["order_id"] == "ORD-2"
