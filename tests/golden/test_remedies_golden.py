"""Histories that end in remedies, told to the whole product: what it decided and what customers read, accepted by a person.

To accept new ones: ``FIRSTWORD_ACCEPT=1 pytest tests/golden/test_remedies_golden.py``, then read the difference.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from streams.core import events as facts
from tests.remedy_rig import Rig, read_story

STORIES = Path(__file__).parent / "remedies"
NAMES = sorted(path.stem for path in STORIES.glob("*.toml"))


def told(name, folder):
    """Tell one story and return the rig, closed."""
    story = read_story(STORIES / f"{name}.toml")
    rig = Rig(folder, policy=story.get("policy"), world=story.get("world"))
    try:
        rig.tell(story["given"], story["until"])
    finally:
        rig.close()
    return rig, story


@pytest.mark.parametrize("name", NAMES)
def test_a_story_ends_as_it_was_accepted(name, tmp_path):
    """Every decision and every mail is as a person has read and accepted it."""
    rig, story = told(name, tmp_path)
    shown = f"{story['title']}\n\n{rig.story()}"
    accepted = STORIES / f"{name}.txt"
    if os.environ.get("FIRSTWORD_ACCEPT") == "1":
        accepted.write_text(shown, encoding="utf-8")

    assert accepted.read_text(encoding="utf-8") == shown


def test_no_accepted_story_is_left_without_its_history():
    """A history that was removed takes its accepted text with it."""
    assert sorted(path.stem for path in STORIES.glob("*.txt")) == NAMES


def test_a_seller_that_was_down_sells_one_label(tmp_path):
    """Asked every five minutes for an hour, it sells one; two mails, one apology."""
    rig, _ = told("label_seller_down", tmp_path)
    labels = rig.kit.effects.labels
    templates = [mail["X-Firstword-Template"] for mail in rig.mails()]

    assert (labels.bought, labels.asked > 10) == (1, True)
    assert templates == ["wrong_item", "label_follows"]


def test_swapped_boxes_cost_one_replacement_and_one_label_each(tmp_path):
    """Two orders, two of each, and nobody's mail names the other customer's order."""
    rig, _ = told("swapped_pair", tmp_path)
    of = lambda kind: [d.order_id for _, d in rig.told if isinstance(d, kind)]  # noqa: E731

    assert sorted(of(facts.ReplacementRequested)) == ["ORD-1", "ORD-2"]
    assert sorted(of(facts.ReturnLabelRequested)) == ["ORD-1", "ORD-2"]
    for mail in rig.mails():
        other = "ORD-2" if "ORD-1" in mail["Subject"] else "ORD-1"
        assert other not in mail.as_string()


STORM = """
[brake]
most = 200
"""
PARCELS = 5_000
WATCHED = {
    "Told before the brake": "ORD-0000",
    "Waited for two people, then told": "ORD-3000",
    "Waited, and came in the meantime": "ORD-4500",
}


def placed_in_a_storm(number):
    """Return the events of one parcel of a carrier that stands still: promised for Tuesday, seen on Monday."""
    order, who = f"ORD-{number:04d}", f"customer CUS-{number}; email c{number}@example.com"
    return (
        f"Fri 2026-11-20 10:15 placed 1 ARMCHAIR at 60.00 USD; promised Tue 2026-11-24; order {order}; {who}",
        f"Fri 2026-11-20 16:00 labeled EX{number:09d}; carrier Example Post; order {order}",
        f"Mon 2026-11-23 09:00 scanned in_transit; order {order}",
    )


@pytest.mark.slow
def test_a_storm_holds_itself_until_two_people_have_looked(tmp_path):
    """5,000 parcels of one carrier are late in one hour: 200 mails, then people; what arrives meanwhile is not told."""
    rig = Rig(tmp_path, policy=STORM)
    try:
        lines = [line for row in zip(*map(placed_in_a_storm, range(PARCELS)), strict=True) for line in row]
        rig.tell(lines, "Wed 2026-11-25 10:30")
        judge = rig.kit.effects.judge
        sent_at_first = len(rig.mails())
        by_dimension = {(storm.dimension, storm.value): storm for storm in judge.storms()}
        waiting = sum(storm.waiting for storm in by_dimension.values())
        arrived = [
            f"Wed 2026-11-25 11:00 scanned delivered; order ORD-{n:04d}" for n in range(4_000, PARCELS)
        ]
        rig.tell(arrived, "Wed 2026-11-25 12:00")
        for storm in judge.storms():
            judge.decide(storm.storm_id, by="dana", release=True, now=rig.now)
            judge.decide(storm.storm_id, by="dana", release=True, now=rig.now)
        rig.pass_on()
        after_one = len(rig.mails())
        for storm in judge.storms():
            judge.decide(storm.storm_id, by="kim", release=True, now=rig.now)
        rig.pass_on()
        mails = rig.mails()
    finally:
        rig.close()
    told = {mail["To"] for mail in mails}
    shown = "\n".join(
        (
            "5,000 parcels of one carrier are late on one day; policy: brake above 200 mails in an hour\n",
            *(f"{count:6,} {kind}" for kind, count in sorted(Counter(d.TYPE for _, d in rig.told).items())),
            "",
            *(
                f"held: {sort} {name}, {storm.waiting:,} mails"
                for (sort, name), storm in by_dimension.items()
            ),
            *(f"\n{who}\n{rig.story(order)}" for who, order in WATCHED.items()),
            mails[250].get_body(("plain",)).get_content(),
        )
    )
    accepted = STORIES.parent / "storm.txt"
    if os.environ.get("FIRSTWORD_ACCEPT") == "1":
        accepted.write_text(shown, encoding="utf-8")

    assert accepted.read_text(encoding="utf-8") == shown
    assert (sent_at_first, waiting) == (200, 4_800)
    assert after_one == 200
    assert len(mails) == len(told) == 4_000
    assert not any(mail["To"].endswith("c4500@example.com>") for mail in mails)
