"""Rehearsals: stories that come with the program, how a story is read, and which differences are found."""

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest

from streams.assets import templates_dir
from streams.ops.rehearse.page import page
from streams.ops.rehearse.reading import found, read_story, shipped
from streams.ops.rehearse.saying import Names
from streams.ops.rehearse.stage import rehearse
from streams.policies.loader import load_policy
from streams.problems import InputProblem, PolicyProblem
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer

CATALOGUE = load_catalogue(templates_dir())
RENDERER = CatalogueRenderer(CATALOGUE)
STANDARD = load_policy(templates=CATALOGUE.messages)
ZONE = STANDARD.shop.time_zone

SWAPPED = """
title = "Swapped"
begins = "Fri 2026-11-20"
articles = { PEN = "Fountain pen, black" }
given = ["day 1 10:15 placed 1 PEN at 12.00 USD; promised day 5", "day 1 15:00 packed 1 INK"]
until = "day 1 20:00"
"""
TIMES = " \N{MULTIPLICATION SIGN} "
LETTER = '[[letter]]\ntemplate = "wrong_item"\n'
LATE = """
title = "Late"
begins = "Fri 2026-11-20"
given = [
  "day 1 10:15 placed 1 PEN; promised day 5",
  "day 1 16:00 labeled TRACK-1",
  "day 4 09:00 scanned in_transit",
]
until = "day 6 12:00"
"""


def policy_with(own):
    return load_policy(None, own, templates=CATALOGUE.messages) if own else STANDARD


# In a story every label is issued and every replacement accepted at once.
NOT_AT_ONCE = {"label_follows", "out_of_stock"}


def tell(text, folder, renderer=RENDERER):
    """Write a story, read it, and tell it to the standard policy and the words of the house."""
    path = folder / "story.toml"
    path.write_text(text, "utf-8")
    return rehearse(read_story(path, ZONE, CATALOGUE.messages), policy_with, renderer)


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_every_story_of_the_program_goes_as_written(path):
    """Today's policy and today's words do what staff are taught."""
    done = rehearse(read_story(path, ZONE, CATALOGUE.messages), policy_with, RENDERER)

    assert done.failures == ()
    assert done.story.lesson
    assert all(letter.expected is not None for letter in done.letters)


def test_the_stories_of_the_program_show_every_letter_and_silence():
    """Whoever has read them all has read every message that a customer may get."""
    stories = [read_story(path, ZONE, CATALOGUE.messages) for path in shipped()]

    shown = {letter.template for story in stories for letter in story.letters}
    assert shown == set(CATALOGUE.messages) - NOT_AT_ONCE
    assert len([story for story in stories if not story.letters]) >= 3
    assert len({story.title for story in stories}) == len(stories)


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_a_story_notices_a_policy_that_tells_nothing(path, tmp_path):
    """With every message turned off, each story that has letters differs; the silent ones are silent still."""
    story = read_story(path, ZONE, CATALOGUE.messages)
    turned_off = {
        f"respond.{kind}.{severity}.message": "none"
        for kind, graded in STANDARD.responses.items()
        for severity in graded
    } | {
        f"respond.{other}.message": "none" for other in ("second_failure", "follow_up", "replacement_update")
    }
    done = rehearse(story, lambda own: policy_with(turned_off | dict(own)), RENDERER)

    assert [line for line in done.failures if line.startswith("never went out")][: len(story.letters)] == [
        f"never went out: {letter.template} ({letter.where})" for letter in story.letters
    ]


@pytest.mark.parametrize(
    ("more", "failures"),
    [
        (LETTER, []),
        (LETTER + 'at = "day 1 15:10"', []),
        (LETTER + 'at = "day 1"', []),
        (LETTER + 'at = "day 1 15:11"', ["expected at Fri 2026-11-20 15:11"]),
        (LETTER + 'at = "day 2"', ["expected on Sat 2026-11-21"]),
        (LETTER + 'subject = "wrong item"', []),
        (
            LETTER + 'subject = "late"',
            ["the subject is `We packed the wrong item in your order ORD-1`, without `late`"],
        ),
        (LETTER + 'locale = "pt-BR"', ["written in en, expected in pt-BR"]),
        (LETTER + 'tells = ["wrong_item", "lost"]', ["does not tell lost"]),
        (LETTER + f'says = ["1{TIMES}Fountain pen,\\n black"]', []),
        (LETTER + 'says = ["Pencil"]', ["does not say `Pencil`"]),
        (LETTER + 'never_says = ["our MISTAKE"]', ["says `our MISTAKE`, and should not"]),
        (LETTER + "attached = true", []),
        (LETTER + "attached = false", ["a label is attached: return-label-"]),
    ],
)
def test_every_word_about_a_letter_is_compared(more, failures, tmp_path):
    """What a field does not say may be anything; what it says must be so."""
    done = tell(SWAPPED + more, tmp_path)

    assert len(failures) == len(done.failures)
    assert all(said.startswith("wrong_item at Fri 2026-11-20 15:10: ") for said in done.failures)
    assert all(failure in said for failure, said in zip(failures, done.failures, strict=True))


def test_a_whole_letter_is_compared_line_by_line(tmp_path):
    """The text that was read once is the text of today, or the lines that differ are shown."""
    text = tell(SWAPPED + LETTER, tmp_path).letters[0].mail.text
    same = tell(f"{SWAPPED}{LETTER}text = '''\n{text}'''", tmp_path)
    other = tell(f"{SWAPPED}{LETTER}text = '''\n{text.replace('our mistake', 'a mistake')}'''", tmp_path)

    assert same.failures == ()
    assert "reads otherwise:" in other.failures[0]
    assert re.search(r"\n-.*a mistake.*\n\+.*our mistake", other.failures[0])


@pytest.mark.parametrize(
    ("letters", "failures"),
    [
        ([], ["wrong_item at Fri 2026-11-20 15:10: nobody expected this letter"]),
        (["wrong_item", "wrong_item"], ["never went out: wrong_item ("]),
        (["lost", "wrong_item"], ["never went out: lost ("]),
        (
            ["lost"],
            ["never went out: lost (", "wrong_item at Fri 2026-11-20 15:10: nobody expected this letter"],
        ),
    ],
)
def test_letters_that_are_missing_or_too_many_are_told(letters, failures, tmp_path):
    """A story lists all of its letters, each once, in their order; no list is silence."""
    more = "".join(f'[[letter]]\ntemplate = "{name}"\n' for name in letters)
    done = tell(SWAPPED + more, tmp_path)

    assert [failure in said for failure, said in zip(failures, done.failures, strict=True)] == [True] * len(
        failures
    )


def test_decisions_are_expected_in_the_words_of_a_policy_test(tmp_path):
    """`expect` and `never` beside the letters, with the story's own days."""
    wanted = (
        'expect = ["return_label requested at day 1 15:10", "review requested"]\nnever = ["replacement"]\n'
    )
    done = tell(SWAPPED + wanted + LETTER, tmp_path)

    assert done.failures == (
        "expected, never seen: review requested",
        "should never be, but was: replacement",
    )


def test_a_story_may_set_its_own_policy(tmp_path):
    """As the tests of a policy may."""
    done = tell(LATE + 'set = ["respond.late_delivery.tell_after=2h"]\n', tmp_path)

    assert [f"{letter.at:%H:%M}" for letter in done.letters] == ["08:00"]


def test_a_person_and_their_things_have_names(tmp_path):
    """Name, address and titles reach the letter; the sentence's own address wins."""
    person = (
        'customer = { name = "Zoë Lund", time_zone = "Europe/Berlin", locale = "pt-BR", country = "DE" }\n'
    )
    letter = tell(SWAPPED.replace("articles", person + "articles") + LETTER, tmp_path).letters[0]
    other = tell(
        SWAPPED.replace("promised day 5", "promised day 5; email zoe@example.com") + LETTER, tmp_path
    ).letters[0]

    assert (letter.message.letter.to, letter.message.locale) == ("zoe.lund@example.com", "pt-BR")
    assert (letter.message.letter.country, letter.message.letter.time_zone) == ("DE", "Europe/Berlin")
    assert "Zoë" in letter.mail.text
    assert "Fountain pen, black" in letter.mail.text
    assert other.message.letter.to == "zoe@example.com"


def test_all_mails_of_a_case_carry_its_first_subject(tmp_path):
    """As the sender does it: a new subject would be a new conversation."""
    path = next(path for path in shipped() if "second_failure" in path.stem)
    first, second = rehearse(read_story(path, ZONE, CATALOGUE.messages), policy_with, RENDERER).letters

    assert first.subject == second.subject == first.mail.subject != second.mail.subject


def test_words_that_cannot_be_filled_in_are_a_difference(tmp_path):
    """A broken template spoils its own story and no other."""
    broken = tmp_path / "words" / "wrong_item"
    broken.mkdir(parents=True)
    for file in (templates_dir() / "wrong_item").glob("*.*"):
        text = file.read_text("utf-8")
        broken.joinpath(file.name).write_text(
            text + ("\n{{ nobody.knows }}\n" if file.name == "en.md" else ""), "utf-8"
        )
    renderer = CatalogueRenderer(load_catalogue(templates_dir(), tmp_path / "words"))
    done = tell(SWAPPED + LETTER, tmp_path, renderer)
    late = tell(LATE + '[[letter]]\ntemplate = "late_delivery"\n', tmp_path, renderer)

    assert done.letters[0].mail is None
    assert "nobody" in done.failures[0]
    assert late.passed


@pytest.mark.parametrize(
    ("text", "code", "line", "why"),
    [
        ("title = 1", "story-unclear", 1, "Expected `str`"),
        ("title = [", "story-syntax", 1, ""),
        (SWAPPED + "letters = []", "story-unclear", 7, "there is no key `letters`"),
        (SWAPPED + LETTER + 'say = ["x"]', "story-unclear", 9, "there is no key `say`"),
        (
            SWAPPED + '[[letter]]\ntemplate = "wrong_itme"',
            "story-unclear",
            8,
            "there is no template `wrong_itme`",
        ),
        (SWAPPED + LETTER + 'tells = ["losst"]', "story-unclear", 9, "there is no kind `losst`"),
        (SWAPPED + LETTER + 'at = "noon"', "story-unclear", 9, "neither a day nor a time"),
        (SWAPPED + 'set = ["notify.window"]', "story-unclear", 7, "sets nothing"),
        (SWAPPED + 'never = ["mesage"]', "story-unclear", 7, "there is no word `mesage`"),
        (SWAPPED + "[customer]\nzone = 'UTC'", "story-unclear", 8, "there is no key `zone`"),
        (SWAPPED + "[customer]\ntime_zone = 'Mars'", "story-unclear", 8, "there is no time zone `Mars`"),
        (SWAPPED.replace('begins = "Fri 2026-11-20"\n', ""), "story-unclear", 4, "`day 1` of what?"),
        (SWAPPED.replace("Fri 2026", "Sat 2026"), "story-unclear", 3, "2026-11-20 is not a Sat"),
        (SWAPPED.replace("day 1 15:00", "day 0 15:00"), "story-unclear", 5, "there is no day 0"),
        (SWAPPED.replace("packed", "paked"), "story-unclear", 5, "nothing is ever `paked`"),
    ],
)
def test_a_slip_is_answered_with_its_line(text, code, line, why, tmp_path):
    """File and line of the slip, and the word that was probably meant."""
    with pytest.raises(InputProblem) as caught:
        tell(text, tmp_path)

    assert (code, f"{tmp_path / 'story.toml'}:{line}") == (caught.value.code, caught.value.where)
    assert why in caught.value.why


def test_an_answer_to_what_was_not_asked_is_a_difference(tmp_path):
    """A policy that asks nobody makes one story differ, and stops no other."""
    done = tell(SWAPPED.replace("packed 1 INK", "reviewed yes"), tmp_path)

    assert done.failures == (
        f"an answer to what nobody asked: there was no review.requested before ({tmp_path / 'story.toml'}:5)",
    )


def test_a_setting_that_cannot_be_is_the_policys_problem(tmp_path):
    """The same words as everywhere else."""
    with pytest.raises(PolicyProblem, match="policy") as caught:
        tell(SWAPPED + 'set = ["notify.windw=12h"]\n' + LETTER, tmp_path)

    assert caught.value.code == "policy-unknown-word"


def test_stories_are_found_in_files_and_folders(tmp_path):
    """A folder means its story files by name, each story once; a place without one is said."""
    for name in ("b.toml", "a.toml", "notes.txt"):
        (tmp_path / name).write_text("")

    assert [path.name for path in found([tmp_path / "b.toml", tmp_path])] == ["b.toml", "a.toml"]
    for place in (tmp_path / "none.toml", Path(tmp_path / "empty")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(InputProblem, match="there is no story"):
            found([place])


def test_what_happens_is_told_in_order_and_in_words(tmp_path):
    """Each event before what follows from it; titles and sums as people write them."""
    done = tell(SWAPPED + LETTER, tmp_path)

    assert [(f"{one.at:%H:%M}", one.day, one.who, one.says) for one in done.moments] == [
        ("10:15", 1, "heard", f"Robin orders 1{TIMES}Fountain pen, black. Promised by Tue, Nov 24."),
        ("15:00", 1, "heard", f"Scanned into the box: 1{TIMES}INK."),
        ("15:00", 1, "decided", "We notice: wrong item."),
        (
            "15:10",
            1,
            "decided",
            f"We pay for a return label for 1{TIMES}INK; theirs to keep after Mon, Jan 4.",
        ),
        (
            "15:10",
            1,
            "decided",
            f"We send 1{TIMES}Fountain pen, black by express, and wait for nothing to come back.",
        ),
        ("15:10", 1, "decided", "We write to Robin."),
    ]


def test_the_page_lets_nothing_in_and_nothing_out(tmp_path):
    """What a story says is text on the page; the only script is ours, and no letter can fetch anything."""
    text = SWAPPED.replace("Swapped", "</h2><script>alert(1)</script>").replace(
        "Fountain pen, black", "<img src=https://example.com/x onerror=alert(2)>"
    )
    done = tell(text + LETTER + "notice = '\"><script>alert(3)</script>'", tmp_path)
    written = page([done], "p@1", "Shop & <b>Co</b>", "Marina <marina@example.com>")
    scripts = re.findall(r"<script>(.*?)</script>", written, re.DOTALL)
    (allowed,) = re.findall(r"script-src 'sha256-([^']+)'", written)

    assert len(scripts) == 1
    assert allowed == b64encode(sha256(scripts[0].encode()).digest()).decode()
    assert "default-src 'none'" in written
    assert re.findall(r'<iframe sandbox="([^"]*)"', written) == ["allow-same-origin"]
    assert "<img" not in written
    assert "<b>Co" not in written
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', written) == []


def test_the_page_holds_every_letter_as_it_goes_out(tmp_path):
    """Byte for byte the HTML that the sender would put into the mail, and its plain text."""
    done = tell(SWAPPED + LETTER, tmp_path)
    written = page([done], "p@1", "Shop", "Marina")
    (frame,) = re.findall(r'srcdoc="([^"]*)"', written)

    assert unescape(frame) == done.letters[0].mail.html
    assert done.letters[0].attachment in written
    assert "Every letter reads as its story says." in written


def test_the_page_marks_what_differs(tmp_path):
    """At the top, in the list, and in the story itself."""
    good, bad = tell(SWAPPED + LETTER, tmp_path), tell(SWAPPED + LETTER + 'says = ["Pencil"]', tmp_path)
    written = page([good, bad], "p@1", "Shop", "Marina")

    assert "1 story does not go as written." in written
    assert written.count('<strong class="mark">') == 1
    assert "does not say `Pencil`" in written


def test_evidence_is_said_as_people_say_it():
    """Titles for articles and the customer's own clock for moments; what only looks like a day stays as it is."""
    names = Names({"PEN": "Fountain pen", "PEN-2": r"Pen \1"}, "Robin", "America/New_York")

    assert names.proof("shows 2 x PEN, 1 x PEN-2") == rf"shows 2{TIMES}Fountain pen, 1{TIMES}Pen \1"
    assert names.proof("after 2026-11-05T20:00:00+00:00, promised by 2026-11-06") == (
        "after Thu, Nov 5, 15:00, promised by Fri, Nov 6"
    )
    assert names.proof("label 2026-11-06-X") == "label 2026-11-06-X"
