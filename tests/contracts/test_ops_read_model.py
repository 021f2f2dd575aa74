"""What the read model must say, in every database: the same as the fold that decided."""

import sqlite3
from collections import Counter

import pytest
from sqlalchemy import select

from streams.core.events import OrderPlaced
from streams.core.ids import address_hash
from streams.ops.read_model import tables
from streams.ops.read_model.reading import open_reading
from streams.ops.read_model.shapes import PAGE
from streams.ops.timeline import Timeline
from streams.storage.engine import open_engine
from tests.read_model_rig import fill, rows, week


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    return week(tmp_path_factory.mktemp("week"))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request):
    if request.param == "postgresql":
        return request.getfixturevalue("postgres")
    return str(request.getfixturevalue("tmp_path") / "readmodel.sqlite")


@pytest.fixture
def reading(place, lived):
    fill(lived.journal, place)
    opened = open_reading(place)
    yield opened
    opened.close()


def everything(place):
    """All rows of all tables."""
    engine = open_engine(place)
    with engine.connect() as connection:
        found = {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in tables.METADATA.sorted_tables
        }
    engine.dispose()
    return found


def test_the_week_is_not_a_quiet_one(lived):
    """Every list below has something in it, and some have more than a page."""
    kinds = {trouble.kind for _, trouble in lived.open_troubles()}
    standing = Counter(lived.standing().values())

    assert len(kinds) >= 6
    assert len(lived.open_troubles()) > PAGE
    assert {"held", "accepted", "in_doubt", "refused", "withdrawn", "queued"} <= standing.keys()
    assert lived.dead
    assert lived.parked


def test_what_is_open_is_what_the_fold_holds_open(reading, lived):
    """Counted by kind on the first page, listed case by case with its kinds, the longest standing first."""
    expected = lived.open_troubles()
    today = reading.today()
    listed = rows(lambda page: reading.open_cases(None, page))

    assert Counter(trouble.kind for _, trouble in expected) == {
        kind.kind: kind.open for kind in today.kinds if kind.open
    }
    assert {case_id for case_id, _ in expected} == {case.case_id for case in listed}
    assert today.open_cases == len(listed)
    assert [case.since for case in listed] == sorted(case.since for case in listed)
    for case in listed:
        assert set(case.kinds) == {trouble.kind for case_id, trouble in expected if case_id == case.case_id}


def test_one_kind_lists_each_of_its_cases_once(reading, lived):
    """Also where one case has the trouble twice."""
    expected = lived.open_troubles()
    for kind in {trouble.kind for _, trouble in expected}:
        listed = [case.case_id for case in rows(lambda page, kind=kind: reading.open_cases(kind, page))]

        assert sorted({case_id for case_id, trouble in expected if trouble.kind == kind}) == sorted(listed)


def test_mails_stand_as_the_fold_says(reading, lived):
    """By count, and in the lists of those that wait or that nobody knows of."""
    standing = lived.standing()
    ledger = reading.ledger(0)
    counts = {one.state: one.count for one in ledger.states}

    assert Counter(standing.values()) == counts | {"withdrawn": Counter(standing.values())["withdrawn"]}
    assert {one for one, state in standing.items() if state == "held"} == {
        mail.message_id for mail in rows(reading.held)
    }
    doubtful = rows(lambda page: reading.ledger(page).doubtful)
    assert {(one, state) for one, state in standing.items() if state in {"in_doubt", "refused"}} == {
        (mail.message_id, mail.state) for mail in doubtful
    }


def test_reviews_wait_that_the_fold_waits_for(reading, lived):
    """Not those that were answered, nor those whose trouble is over; and what only a person can end."""
    waiting = {
        trouble.review_id: trouble.kind
        for _, trouble in lived.open_troubles()
        if trouble.verdict == "waiting"
    }
    listed = rows(reading.reviews)

    assert waiting
    beside = {review.reason for review in listed if review.review_id not in waiting}
    assert waiting.keys() <= {review.review_id for review in listed}
    assert beside <= {"bounced", "reply", "label_refused", "kind_needs_person"}
    for review in listed:
        if review.review_id in waiting:
            assert waiting[review.review_id] in review.kinds
            assert review.evidence
        assert review == reading.review(review.review_id)
    assert reading.review("rev_of-nobody") is None


def test_dead_letters_and_parked_scans_are_all_there(reading, lived):
    """By reason, and with the payload as it came."""
    letters = reading.letters(None, 0)

    assert {letter.id for letter in lived.dead} == {row.id for row in letters.page.rows}
    assert Counter(letter.code for letter in lived.dead) == {
        group.code: group.count for group in letters.groups
    }
    whole = reading.letter(lived.dead[0].id)
    assert whole is not None
    assert (lived.dead[0].why, lived.dead[0].raw.decode(), False) == (whole.why, whole.payload, whole.cut)
    assert {one.key for one in lived.parked} == {scan.key for scan in letters.parked.rows}
    assert len(lived.parked) == letters.parked.total == reading.today().parked


def test_an_order_is_found_by_all_of_its_names(reading, lived):
    """Id, beginning of the id, tracking number however it is spelled, address however it is written, message."""
    known = next(
        order
        for order in lived.orders.values()
        if order.case is not None and order.case.messages and order.shipments and order.customer is not None
    )
    number = known.shipments[0].tracking_number
    message = known.case.messages[0].message_id
    found = {
        by: {one.order_id for one in reading.search(text)}
        for by, text in {
            "order": known.order_id,
            "tracking": number.lower(),
            "message": message,
            "email": f" {known.customer.email.upper()} ",
            "prefix": known.order_id[:-1],
        }.items()
    }

    assert all(known.order_id in ids for ids in found.values()), found
    same_customer = {
        order.order_id
        for order in lived.orders.values()
        if order.customer is not None and order.customer.email == known.customer.email
    }
    assert found["email"] == same_customer
    assert {one.by for one in reading.search(number)} == {"tracking"}
    assert reading.search("nobody@example.com") == ()
    assert known.order_id[:-1] in reading.nearest(known.order_id[:-1] + "!")[0]


def test_no_address_stands_outside_of_letters_and_events(reading, place, lived):
    """Look-ups hold hashes; the personal words are where the journal has them."""
    written_to = {
        order.customer.email
        for order in lived.orders.values()
        if order.customer is not None and order.case is not None and order.case.messages
    }
    stored = everything(place)

    assert len(written_to) > 20
    for table, found in stored.items():
        if table not in {"read_events", "read_mail_letters", "read_dead_letters", "read_parked"}:
            assert not [row for row in found if any(email in row for email in written_to)], table
    hashes = " ".join(stored["read_orders"])
    assert all(address_hash(email) in hashes for email in written_to)


def test_the_story_of_an_order_is_whole(reading, lived):
    """As many events as it saw, every decision, and the letters to fill the mails in from again."""
    for order in (one for one in lived.orders.values() if one.case is not None and one.case.messages):
        story = reading.order(order.order_id)

        assert isinstance(story.timeline, Timeline)
        assert {trouble.kind for trouble in order.case.troubles if trouble.cleared_at is None} == set(
            story.open_kinds
        )
        queued = [entry.id for entry in story.timeline.entries if entry.type == "message.queued.v1"]
        assert len(queued) == len(story.messages)
        assert all(message.letter is not None for message in story.messages)
        assert order.placed_at == story.placed_at
        heard = [entry.id for entry in story.timeline.entries if entry.who == "heard"]
        assert len(heard) == len(set(heard))
        assert OrderPlaced.TYPE in {entry.type for entry in story.timeline.entries}
    assert reading.order("ORD-OF-NOBODY") is None


def test_a_dead_letter_stands_in_the_story_of_the_order_it_names(reading, lived):
    """As far as its text can be read at all."""
    told = reading.order("ORD-1001").timeline

    assert [letter.id for letter in lived.dead if b'"ORD-1001"' in letter.raw] == [
        entry.id for entry in told.entries if entry.who == "set aside"
    ]


def test_counters_of_the_day_are_those_of_the_journal(reading, lived):
    """In UTC, of the day on which recorded time stands; a usual hour leaves the latest out."""
    today = reading.today()
    journal = sqlite3.connect(lived.journal)
    accepted = journal.execute(
        "SELECT substr(now, 1, 10), count(*) FROM decisions WHERE type = 'message.accepted.v1' GROUP BY 1"
    )
    opened = Counter(
        row[0]
        for row in journal.execute(
            "SELECT json_extract(CAST(body AS TEXT), '$.kind') FROM decisions"
            " WHERE type = 'exception.opened.v1'"
        )
    )

    assert dict(accepted) == {
        f"{day}": count for day, count in zip(today.days, today.told, strict=True) if count
    }
    assert opened == {kind.kind: sum(kind.opened) for kind in today.kinds if sum(kind.opened)}
    assert (lived.now, lived.now.date()) == (today.now, today.days[-1])
    assert today.orders == len(lived.orders)
    journal.close()


def test_filling_again_changes_nothing(place, lived):
    """There is nothing to read, and nothing is written."""
    first = fill(lived.journal, place)
    before = everything(place)
    second = fill(lived.journal, place)

    assert first.events > lived.events
    assert (second.events, second.decisions) == (0, 0)
    assert before == everything(place)
