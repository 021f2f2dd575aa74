"""Edited words: taken when they are fit to be sent, and otherwise those of before go on."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from streams import telemetry
from streams.assets import templates_dir
from streams.core.events import Letter, MessageQueued
from streams.templating import watching
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.watching import Watch, unfit

TEMPLATES = templates_dir()
ENGLISH = (TEMPLATES / "lost" / "en.md").read_text("utf-8")
LETTER = Letter(to="ada@example.org", customer_name="Ada Pereira", time_zone="UTC", apologize=True)


def edited(text, source=ENGLISH):
    """The words of a message with a paragraph more: as fit to be sent as they were."""
    return source.rstrip("\n") + f"\n\n{text}\n"


def _all_but_one(folder, names):
    """One message is enough, and fast."""
    others = {name for name in names if not name.startswith("_") and (TEMPLATES / name).is_dir()}
    return others - {"lost"} if Path(folder) == TEMPLATES else set()


class Folder:
    """The shop's folder under a renderer that is watched by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.shipped = root.with_name("shipped")
        shutil.copytree(TEMPLATES, self.shipped, ignore=_all_but_one)
        self.renderer = CatalogueRenderer.from_folder(self.shipped, root)
        self.watch = Watch(self.renderer, self.shipped, root)
        self.clock = 1_000_000_000

    def write(self, text, name="lost/en.md"):
        """Write a file as an editor does; each writing has a time of its own."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        self.clock += 1
        os.utime(path, ns=(self.clock, self.clock))

    def says(self, locale="en"):
        """What a customer reads now."""
        return self.renderer.render(
            MessageQueued(
                order_id="ORD-1",
                decision_id="d",
                message_id="m",
                case_id="c",
                template="lost",
                locale=locale,
                to_hash="h",
                letter=LETTER,
            )
        ).text


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "words")


@pytest.fixture
def lines():
    """The names of the lines that were written, with their fields."""
    heard = []

    class Ear(logging.Handler):
        def emit(self, record):
            heard.append((record.__dict__["line"].name, record.__dict__["fields"]))

    logger, ear = logging.getLogger("firstword"), Ear()
    level = logger.level
    logger.addHandler(ear)
    logger.setLevel(telemetry.DEBUG)
    yield heard
    logger.removeHandler(ear)
    logger.setLevel(level)


# ---------------------------------------------------------------------------- taken


def test_an_edit_is_taken_at_the_next_look(folder, lines):
    """The file's text, and only in its language."""
    brazil = folder.says("pt-BR")
    folder.write(edited("We packed it by hand."))
    before = folder.says()

    folder.watch.look()

    assert "We packed it by hand." not in before
    assert "We packed it by hand." in folder.says()
    assert folder.says("pt-BR") == brazil
    ((name, fields),) = lines
    assert (name, fields["templates"]) == ("words_taken", "lost")


def test_a_file_that_is_taken_away_gives_way_to_what_came_with_the_program(folder):
    """An override ends like it began."""
    folder.write(edited("Ours."))
    folder.watch.look()
    (folder.root / "lost" / "en.md").unlink()

    folder.watch.look()

    assert "Ours." not in folder.says()


def test_an_edit_between_the_reading_and_the_first_look_is_not_missed(tmp_path):
    """A process takes a moment to start."""
    root = tmp_path / "words"
    root.mkdir()
    renderer = CatalogueRenderer.from_folder(TEMPLATES, root)
    (root / "lost").mkdir()
    (root / "lost" / "en.md").write_text(edited("Just in time."))

    Watch(renderer, TEMPLATES, root).look()

    assert "Just in time." in renderer.catalogue.messages["lost"].words["en"].body


@pytest.mark.parametrize(
    ("name", "change", "shows"),
    [
        ("_phrases/en.toml", ('hello = "', 'hello = "Well, '), "Well, "),
        ("brand.toml", ("Northlight Home", "Bell and Reed"), "Bell and Reed"),
    ],
)
def test_what_all_messages_share_is_taken_too(folder, name, change, shows):
    """Phrases, brand, parts and frame."""
    folder.write((TEMPLATES / name).read_text("utf-8").replace(*change), name)

    folder.watch.look()

    assert shows in folder.says()


def test_nothing_is_read_while_nothing_was_written(folder, monkeypatch):
    """A look costs the times of some hundred files, and no more."""
    folder.watch.look()
    monkeypatch.setattr(watching, "load_catalogue", None)

    folder.watch.look()
    folder.write("# a note", "notes/README.txt")  # another folder of theirs, read and found to change nothing
    monkeypatch.undo()
    folder.watch.look()

    assert folder.watch.refusal is None


def test_a_file_written_with_the_same_words_takes_nothing(folder, lines):
    """Saved without a change, or checked out again."""
    folder.write(ENGLISH)
    folder.watch.look()
    first = list(lines)
    folder.write(ENGLISH)
    folder.watch.look()

    assert lines == first


# ---------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (edited("{{ arives.text }}"), "template-unknown-name"),
        (edited("{% if replacement %}"), "template-syntax"),
        ("no front matter", "template-front-matter"),
        (edited("We apologize for any inconvenience."), "no_inconvenience"),
    ],
)
def test_what_is_not_fit_changes_nothing_and_is_said_once(folder, lines, text, code):
    """Broken, or against a rule: the words of before go on, and somebody is told where and why."""
    before = folder.says()
    folder.write(text)

    for _ in range(4):
        folder.watch.look()

    assert folder.says() == before
    assert folder.watch.refusal.code == code
    assert [(name, fields["code"]) for name, fields in lines] == [("words_refused", code)]
    assert "words/lost/en.md" in lines[0][1]["place"]


def test_a_refusal_ends_with_the_words_that_mend_it(folder, lines):
    """And is told anew when they are broken again."""
    for text in (edited("{{ arives }}"), edited("Mended."), edited("{{ arives }}")):
        folder.write(text)
        folder.watch.look()
        folder.watch.look()

    assert [name for name, _ in lines] == ["words_refused", "words_taken", "words_refused"]
    assert "Mended." in folder.says()


def test_an_error_that_is_out_already_keeps_nothing_else_in(folder):
    """A process began with words that break a rule: whoever mends a sentence beside it is heard, whoever adds one is not."""
    wrong = "We apologize for any inconvenience."
    folder.write(edited(wrong))
    folder.renderer.reload(load_catalogue(folder.shipped, folder.root))
    folder.write(edited(f"We packed it by hand.\n\n{wrong}"))
    folder.watch.look()
    taken = folder.says()
    folder.write(edited(f"We packed it by hand.\n\n{wrong}\n\nThis will never happen again."))
    folder.watch.look()
    folder.watch.look()

    assert "We packed it by hand." in taken
    assert folder.says() == taken
    assert folder.watch.refusal.code == "no_empty_promise"


def test_half_a_file_is_not_a_broken_one(folder, lines):
    """An editor that empties a file before it writes it: by the next look the rest is there."""
    folder.write("")
    folder.watch.look()
    folder.write(edited("Whole."))
    folder.watch.look()

    assert [name for name, _ in lines] == ["words_taken"]
    assert "Whole." in folder.says()


def test_a_message_does_not_vanish_from_under_a_policy(folder):
    """Whoever is to get it would get nothing."""
    folder.write('purpose = "a message of a test"\nowner = "Tests"\nslots = []\n', "hello/message.toml")
    for locale in folder.renderer.catalogue.phrases:
        folder.write("---\nsubject: Your order is late\npreheader: P\n---\nHi.\n", f"hello/{locale}.md")
    folder.renderer.reload(load_catalogue(folder.shipped, folder.root))
    for path in (folder.root / "hello").iterdir():
        path.unlink()

    folder.watch.look()
    folder.watch.look()

    assert folder.watch.refusal.code == "template-missing"
    assert "hello" in folder.renderer.catalogue.messages


def test_a_folder_that_is_gone_leaves_its_words_at_work(folder):
    """A mount that fell off."""
    folder.write(edited("Ours."))
    folder.watch.look()
    folder.root.rename(folder.root.with_name("away"))

    folder.watch.look()
    folder.watch.look()

    assert folder.watch.refusal.code == "templates-not-a-folder"
    assert "Ours." in folder.says()


def test_whoever_asks_hears_what_a_running_process_would_say(folder):
    """The doctor, who is another process, holds the folder against what came with the program."""
    shipped = load_catalogue(folder.shipped)
    fit = unfit(load_catalogue(folder.shipped, folder.root), shipped)
    folder.write(edited("We apologize for any inconvenience."))
    refusal = unfit(load_catalogue(folder.shipped, folder.root), shipped)

    assert fit is None
    assert (refusal.code, "inconvenience" in refusal.why) == ("no_inconvenience", True)


# ---------------------------------------------------------------------------- alive


def test_it_looks_by_itself_while_it_is_entered(folder, monkeypatch):
    """A thread of its own, which ends with the block."""
    monkeypatch.setattr(watching, "EVERY", 0.01)
    with folder.watch as watch:
        folder.write(edited("By itself."))
        watch._thread.join(timeout=0)
        deadline = watching.stopwatch() + 20
        while "By itself." not in folder.says() and watching.stopwatch() < deadline:
            watch._over.wait(0.01)
    watch._thread.join(timeout=20)

    assert "By itself." in folder.says()
    assert not watch._thread.is_alive()
