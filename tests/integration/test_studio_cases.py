"""Letters that really went out can be looked at in the studio; nobody in them can be recognized."""

import json
from datetime import date

import pytest

from streams.core.events import DateRange, Letter, LetterLine, MessageQueued
from streams.web.studio.cases import mask
from tests.embedded_runs import run_history
from tests.studio_rig import studio

NAME = "Ottilie Wunderlich"
PRIVATE = [
    NAME,
    "Ottilie",
    "Wunderlich",
    "ottilie.w77@mail.example.com",
    "ottilie.w77",
    "ORD-77-1234",
    "1Z999AA10123456784",
    "+49 170 1234567",
    "Hamburg",
]


def queued(**said):
    letter = {
        "to": "ottilie.w77@mail.example.com",
        "customer_name": NAME,
        "time_zone": "Europe/Berlin",
        "country": "DE",
        "kinds": ("wrong_item",),
        "apologize": True,
        "tracking_number": "1Z999AA10123456784",
        "carrier": "Example Post",
        "wrong_lines": (
            LetterLine(
                sku="MUG-OTTILIE", title="Mug engraved 'For OTTILIE wunderlich, 0170 1234567'", quantity=1
            ),
        ),
        "missing_lines": (LetterLine(sku="LAMP", title="Brass lamp, call +49 170 1234567", quantity=1),),
        "order_lines": (LetterLine(sku="LAMP", title="Lamp for ottilie.w77@mail.example.com", quantity=2),),
        "replacement_id": "rep_ORD-77-1234",
        "replacement_lines": (LetterLine(sku="LAMP", title="Brass lamp (ORD-77-1234)", quantity=1),),
        "replacement_arrives": DateRange(from_=date(2026, 11, 24), by=date(2026, 11, 27)),
        "return_id": "ret_ORD-77-1234",
        "label_id": "lbl_ORD-77-1234",
        "label_carrier": "Example Post",
        "label_tracking_number": "RET-ORD-77-1234",
        "keep_after": date(2027, 1, 5),
    }
    return MessageQueued(
        order_id="ORD-77-1234",
        decision_id="dec_1",
        message_id="msg_1",
        case_id="cas_1",
        template="wrong_item",
        locale="en",
        to_hash="abc",
        thread=("msg_0",),
        letter=Letter(**(letter | said)),
    )


def test_a_masked_letter_tells_nothing_of_whom_it_went_to():
    """Names, addresses and numbers are gone, out of titles too, in any case of letters."""
    masked = mask(queued(), "abcdef")
    whole = json.dumps(json.loads(_encoded(masked))).lower()

    assert [text for text in PRIVATE if text.lower() in whole] == []
    assert "1234567" not in whole
    assert masked.letter.customer_name != NAME
    assert masked.letter.to == "customer@example.com"


def test_a_masked_letter_is_still_the_same_letter():
    """What makes the words what they are stays: articles, days, country, what there is and what there is not."""
    letter, masked = queued().letter, mask(queued(), "abcdef").letter
    bare = mask(queued(customer_name=None, tracking_number=None, label_id=None), "abcdef").letter

    assert (masked.country, masked.time_zone, masked.kinds) == ("DE", "Europe/Berlin", ("wrong_item",))
    assert masked.replacement_arrives == letter.replacement_arrives
    assert masked.keep_after == letter.keep_after
    assert "Brass lamp" in masked.missing_lines[0].title
    assert [line.quantity for line in masked.order_lines] == [2]
    assert (bare.customer_name, bare.tracking_number, bare.label_id) == (None, None, None)


def test_who_is_masked_says_nothing_of_the_name():
    """The name that stands there follows from the letter's own id: the same person has another in each."""
    names = {mask(queued(customer_name=name), "abcdef").letter.customer_name for name in ("Ada", "Bo", NAME)}
    ids = {mask(queued(), name).order_id for name in ("abc", "def")}

    assert len(names) == 1
    assert len(ids) == 2


@pytest.fixture(scope="module")
def shop(tmp_path_factory, history):
    data = tmp_path_factory.mktemp("shop")
    return run_history(data, f"native={history}")


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    from tests.command_line import firstword

    folder = tmp_path_factory.mktemp("history")
    done = firstword("simulate", "--days", "7", "--orders", "60", "--out", folder)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.ndjson"))


def test_letters_of_a_shop_are_seen_without_their_people(shop, tmp_path):
    """The newest letters of the journal are listed and filled in; no answer holds a name or an address."""
    folder = tmp_path / "words"
    folder.mkdir()
    sent = [one.fact for one in shop.of("message.queued.v1") if one.fact.letter is not None]
    with studio(folder, "--data", shop.data) as room:
        listed = room.get("/api/cases")
        cases = listed.json["cases"]
        mails = [
            room.preview(message=case["message"], locale="en", sample="", case=case["id"])
            for case in cases[:10]
        ]
        pages = [room.get(f"/preview/{mail.json['id']}/light").body.decode() for mail in mails]

    told = listed.body.decode() + "".join(mail.body.decode() for mail in mails) + "".join(pages)
    private = {fact.letter.to for fact in sent} | {fact.order_id for fact in sent}
    private |= {fact.letter.customer_name for fact in sent if fact.letter.customer_name}
    private |= {fact.letter.tracking_number for fact in sent if fact.letter.tracking_number}

    assert len(sent) > 5
    assert len(cases) == min(50, len(sent))
    assert {mail.status for mail in mails} == {200}
    assert [text for text in private if text in told] == []
    assert {"id", "message", "locale", "when", "kinds"} == set(cases[0])


def test_a_letter_that_nobody_listed_is_not_there(shop, tmp_path):
    """A message's own id opens nothing: only what the list has named."""
    folder = tmp_path / "words"
    folder.mkdir()
    own = shop.of("message.queued.v1")[0].fact.message_id
    with studio(folder, "--data", shop.data) as room:
        answer = room.preview(message="wrong_item", sample="", case=own)

    assert (answer.status, answer.code) == (404, "studio-case-unknown")


def _encoded(message):
    import msgspec

    return msgspec.json.encode(message)
