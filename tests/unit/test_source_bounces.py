"""Mails that came back: whose they were, where mail systems leave them, and what nobody may read of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import streams.sources.bounces
from streams.mail import headers, outcomes
from streams.pipeline.ports import Ignored, Record, Rejected
from streams.problems import InputProblem
from streams.sources.bounces import reports, whose
from streams.sources.bounces.adapter import SOURCE

SAMPLES = Path(streams.sources.bounces.__file__).parent / "samples"
POSTFIX = (SAMPLES / "postfix.eml").read_bytes()
BOUNCES = ("postfix", "exim", "exim_old", "exchange_online", "gmail", "qmail")


def translated(raw):
    return SOURCE.translate(Record(source="bounces", place="x", position=0, raw=raw))


def put(folder, name, *, at, raw=POSTFIX):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(raw)
    os.utime(file, ns=(at * 10**9, at * 10**9))
    return file


def places(folder, after=-1):
    return [(record.place, record.position) for record in SOURCE.read(str(folder), after=after)]


@given(st.text(max_size=80) | st.from_regex(r"msg_[0-9a-f.]{0,70}", fullmatch=True))
def test_a_token_is_the_one_that_was_written(message_id):
    """What the mail's address was made of, and what it is compared with, may never part."""
    assert whose.token(message_id) == headers.id_token(message_id)


@pytest.mark.parametrize(
    "said", ["no <a@b.example> here", "a.b+c@d.example: 550", "user [192.0.2.1] x@y", ""]
)
def test_addresses_are_hidden_as_in_a_relays_answer(said):
    """Both end in the same public log."""
    assert reports.without_addresses(said) == outcomes.without_addresses(said)


def test_the_cut_of_a_long_answer_leaves_no_half_of_an_address():
    """Half an address is not seen as one any more."""
    for length in range(3_960, 4_010):
        assert "ines" not in reports.without_addresses(f"{' ' * length}ines.maria@example.net unknown")


@pytest.mark.parametrize("name", BOUNCES)
def test_no_address_leaves_a_bounce(name):
    """Neither as a fact nor, with any one line lost, as the reason of a refusal."""
    lines = (SAMPLES / f"{name}.eml").read_bytes().splitlines(keepends=True)
    kinds = set()
    for lost in range(len(lines)):
        found = translated(b"".join(lines[:lost] + lines[lost + 1 :]))
        kinds.add(type(found))
        said = found[0].data.decode() if isinstance(found, tuple) else found.why
        assert "@" not in re.sub(r"bounces\+msg_\.\.\.@", "", said), (lost, lines[lost])
        assert "ines" not in said.replace("lines", "")
    assert tuple in kinds


def test_what_is_put_into_a_message_id_is_not_said_again():
    """A forger's words do not come into a reason that people read."""
    raw = POSTFIX.replace(
        b"X-Firstword-Message: msg_5f0c2a9be4d1478f93b6a0d7c81e2f34", b"X-Firstword-Message: ines@example.net"
    )
    raw = re.sub(rb"msg_5f0c2a9be4d1478f93b6a0d7c81e2f34", b"x", raw).replace(b"X-Firstword-Case", b"X-Other")
    found = translated(raw)

    assert isinstance(found, Rejected)
    assert found.code == "bounce-order-unknown"
    assert "ines" not in found.why


def test_the_same_failure_reported_twice_is_one_event():
    """Other words around it, another time; a later failure for good is another."""
    (once,) = translated(POSTFIX)
    (again,) = translated(POSTFIX.replace(b"15:02:04", b"15:09:00").replace(b"I'm sorry", b"We are sorry"))
    (later,) = translated(POSTFIX.replace(b"Status: 5.1.1", b"Status: 5.4.7"))

    assert once.id == again.id != later.id


@pytest.mark.parametrize("name", BOUNCES)
def test_only_what_failed_for_good_came_back(name):
    """An address is written to no more after a bounce: a failure for now must not look like one."""
    raw = (SAMPLES / f"{name}.eml").read_bytes()
    for now in (re.sub(rb"\b5(\.\d+\.\d+)\b", rb"4\1", raw),):
        found = translated(re.sub(rb"\b55(\d)\b", rb"45\1", now))
        assert isinstance(found, Ignored) or found[0].fact.reply.startswith("5."), name

    assert isinstance(translated(POSTFIX.replace(b"5.1.1", b"4.1.1")), Ignored)


def test_line_ends_do_not_matter():
    """Maildirs have one, the wire has the other."""
    for name in BOUNCES:
        raw = (SAMPLES / f"{name}.eml").read_bytes()
        assert translated(raw) == translated(raw.replace(b"\n", b"\r\n"))


def test_a_large_mail_is_read_as_far_as_its_report():
    """What is returned behind it does not matter."""
    raw = (SAMPLES / "amazon_ses.eml").read_bytes().replace(b"4.4.7", b"5.4.7")
    at = raw.index(b"\n------=_Part_904215_1234567890.1795186964000--")
    assert translated(raw[:at] + b"\nall work and no play" * 100_000 + raw[at:]) == translated(raw)


def test_a_maildir_is_read_in_the_order_of_arrival_with_its_folders(tmp_path):
    """Whole mails only; what is being written, and what is no mail, stays where it is."""
    put(tmp_path / "new", "3.M1.host", at=300)
    put(tmp_path / "cur", "1.M1.host:2,S", at=100)
    put(tmp_path / ".INBOX.bounces" / "cur", "2.M1.host:2,", at=200)
    put(tmp_path / "tmp", "4.M1.host", at=400)
    put(tmp_path, "dovecot-uidlist", at=50)
    put(tmp_path / "new", ".nfs0001", at=60)

    assert places(tmp_path) == [
        ("cur/1.M1.host:2,S", 100_000_000),
        (".INBOX.bounces/cur/2.M1.host:2,", 200_000_000),
        ("new/3.M1.host", 300_000_000),
    ]


def test_a_maildir_goes_on_where_it_stopped_whatever_was_taken_out(tmp_path):
    """Counting would skip the new one: two are gone, one was looked at."""
    for number in (1, 2, 3):
        put(tmp_path / "new", f"{number}.M1.host", at=number * 100)
    *_, (_, position) = places(tmp_path)
    (tmp_path / "cur").mkdir()
    (tmp_path / "new" / "1.M1.host").unlink()
    (tmp_path / "new" / "2.M1.host").unlink()
    (tmp_path / "new" / "3.M1.host").rename(tmp_path / "cur" / "3.M1.host:2,S")
    put(tmp_path / "new", "4.M1.host", at=400)

    assert places(tmp_path, after=position) == [("new/4.M1.host", 400_000_000)]


def test_a_mail_that_moves_while_it_is_read_is_found_and_one_that_goes_is_not_missed(tmp_path):
    """A mail program works in the same Maildir."""
    (tmp_path / "cur").mkdir()
    for number in (1, 2, 3):
        put(tmp_path / "new", f"{number}.M1.[host]", at=number)
    records = SOURCE.read(str(tmp_path))
    first = next(records)
    (tmp_path / "new" / "2.M1.[host]").rename(tmp_path / "cur" / "2.M1.[host]:2,S")
    (tmp_path / "new" / "3.M1.[host]").unlink()

    assert [first.raw, *(record.raw for record in records)] == [POSTFIX, POSTFIX]


def test_an_empty_maildir_is_no_problem_and_an_empty_folder_is(tmp_path):
    """The first says that nothing came back; the second is a slip of the pen."""
    (tmp_path / "mail" / "new").mkdir(parents=True)

    assert places(tmp_path / "mail") == []
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputProblem, match="nothing to read") as caught:
        places(tmp_path / "folder")
    assert caught.value.code == "source-empty"


def test_a_name_of_any_bytes_is_a_place(tmp_path):
    """A place is written down as text."""
    put(tmp_path / "new", os.fsdecode(b"1.\xff"), at=1)

    assert places(tmp_path) == [("new/1.�", 1_000_000)]


@pytest.mark.parametrize(
    ("name", "why"), [("delayed", "delay"), ("out_of_office", "automatic"), ("reply", "person")]
)
def test_what_is_no_bounce_is_ignored_with_its_reason(name, why):
    """Although each talks of something that could not be delivered."""
    found = translated((SAMPLES / f"{name}.eml").read_bytes())

    assert isinstance(found, Ignored)
    assert why in found.why
