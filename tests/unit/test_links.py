"""Links in mails: nobody makes one up, nobody changes one, none lasts for ever, and a secret can be changed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import wiring
from streams.links import ANSWERS, LASTING, LONGEST, Addresses, Choice, LinkProblem, Signer
from streams.problems import UsageProblem
from streams.settings import load

OLD = "the crunchy armchair is comfortable"
NEW = "a lamp beside it would be comfortable"
FRIDAY = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=%~"


def choice(**said):
    known = {
        "order_id": "ORD-1042",
        "case_id": "cas_1",
        "message_id": "msg_1",
        "answer": "stop",
        "locale": "de",
    }
    return Choice(**{**known, "expires": int((FRIDAY + LASTING).timestamp()), **said})


def code_of(signer, token, now=FRIDAY):
    with pytest.raises(LinkProblem) as caught:
        signer.read(token, now)
    return caught.value.code


def test_what_was_signed_is_read():
    """All of it, and the same choice is the same token."""
    signer = Signer(OLD)

    assert signer.read(signer.sign(choice()), FRIDAY) == choice()
    assert signer.sign(choice()) == signer.sign(choice())


def test_a_token_stands_in_an_address_as_it_is():
    """No letter of it is changed on its way through mail programs."""
    assert set(Signer(OLD).sign(choice(order_id="Bestellung Nr. 7/ü"))) <= set(LETTERS[:-3])


def test_a_changed_letter_is_a_forgery():
    """Every letter of a token, changed into every other that an address may have."""
    signer = Signer(OLD)
    token = signer.sign(choice())
    changed = [f"{token[:at]}{other}{token[at + 1 :]}" for at in range(len(token)) for other in LETTERS]

    assert {code_of(signer, one) for one in changed if one != token} == {"link-forged"}


def test_a_letter_more_or_less_is_a_forgery():
    """As mail programs cut links, and as readers copy a full stop along."""
    signer = Signer(OLD)
    token = signer.sign(choice())
    cut = [token[:end] for end in range(len(token))]
    longer = [token + more for more in (*LETTERS, "==", "/", "\x00", "ü", ")")]

    assert {code_of(signer, one) for one in (*cut, *longer)} == {"link-forged"}


@given(st.text(max_size=300))
def test_no_text_is_believed(text):
    """Whatever somebody types."""
    assert code_of(Signer(OLD), text) == "link-forged"


def test_another_shops_secret_is_a_forgery():
    """Also when it is almost ours."""
    token = Signer(OLD).sign(choice())

    assert code_of(Signer(NEW), token) == "link-forged"
    assert code_of(Signer(OLD + "!"), token) == "link-forged"


def test_a_link_ends_and_says_what_it_was():
    """In the second in which it ends; the page can still speak the customer's language."""
    signer = Signer(OLD)
    token = signer.sign(choice())

    assert signer.read(token, FRIDAY + LASTING - timedelta(seconds=1)) == choice()
    with pytest.raises(LinkProblem) as caught:
        signer.read(token, FRIDAY + LASTING)
    assert (caught.value.code, caught.value.choice) == ("link-expired", choice())


def test_a_secret_is_changed_while_mails_are_read():
    """The first signs, and all are believed until they are taken away."""
    before, during, after = Signer(OLD), Signer(f"{NEW}, {OLD}"), Signer(NEW)
    old = before.sign(choice())

    assert during.read(old, FRIDAY) == choice()
    assert during.sign(choice()) == after.sign(choice()) != old
    assert code_of(after, old) == "link-forged"


@pytest.mark.parametrize("secrets", ["", "short", f"{OLD},", f"{OLD},short", "x" * 31])
def test_a_secret_that_can_be_guessed_is_refused(secrets):
    """Each of them, and an empty one behind a comma too."""
    with pytest.raises(UsageProblem) as caught:
        Signer(secrets)

    assert caught.value.code == "link-secret-weak"
    assert "short" not in str(caught.value.why)


def test_an_answer_that_nobody_knows_is_not_believed():
    """A newer version may sign others; this one cannot say what they mean."""
    signer = Signer(OLD)

    assert code_of(signer, signer.sign(choice(answer="exchange"))) == "link-forged"


def test_an_answer_has_one_identity():
    """However long the link lasts and whatever language it speaks; another mail or answer is another."""
    same = {choice(**said).choice_id for said in ({}, {"expires": 1}, {"locale": "en"})}
    others = [{"order_id": "x"}, {"case_id": "x"}, {"message_id": "x"}, {"answer": "wait"}]

    assert len(same) == 1
    assert len(same | {choice(**said).choice_id for said in others}) == 5


def test_the_same_mail_has_the_same_links():
    """A mail that is tried again tomorrow is the same, to the last byte."""
    made = Addresses("https://answers.example.com/", Signer(OLD))
    names = {"order_id": "ORD-1042", "case_id": "cas_1", "message_id": "msg_1", "locale": "de"}

    links = {made.of(answer=answer, at=FRIDAY, **names) for answer in ANSWERS for _ in range(2)}

    assert len(links) == len(ANSWERS)
    assert all(link.startswith("https://answers.example.com/a/v1.") for link in links)


def test_a_link_that_does_not_fit_a_header_is_none():
    """An order id may have 256 characters of four bytes each."""
    made = Addresses("https://answers.example.com", Signer(OLD))
    names = {"case_id": "cas_1", "message_id": "msg_1", "locale": "de", "answer": "stop", "at": FRIDAY}

    assert len(made.of(order_id="x" * 256, **names)) <= LONGEST
    assert made.of(order_id="\U0001f4e6" * 256, **names) is None


def test_half_of_the_settings_is_a_mistake_and_none_is_not():
    """Said at the start, not by a customer who meets a link that nobody believes."""
    address = {"FIRSTWORD_PUBLIC_URL": "https://answers.example.com"}
    secret = {"FIRSTWORD_LINK_SECRET": OLD}

    assert wiring.links_of(load({})) is None
    assert wiring.links_of(load({**address, **secret})) is not None
    for half, missing in ((address, "FIRSTWORD_LINK_SECRET"), (secret, "FIRSTWORD_PUBLIC_URL")):
        with pytest.raises(UsageProblem) as caught:
            wiring.links_of(load(half))
        assert (caught.value.code, caught.value.where) == ("links-half-set", missing)
