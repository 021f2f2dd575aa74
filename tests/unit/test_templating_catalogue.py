"""Which file holds: a folder of the shop's needs only what it changes, and inherits all else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from streams.assets import templates_dir
from streams.problems import TemplateProblem, UsageProblem
from streams.templating import goldens
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample

TEMPLATES = templates_dir()
OURS = "---\nsubject: Ours {{ order.id }}\npreheader: From us.\n---\n{{ greeting }}\n\nOurs.\n"
CARD = 'purpose = "a message of a test"\nowner = "Tests"\n'


@pytest.fixture
def words(tmp_path):
    """Return a folder of the shop's with a way to write a file into it."""
    folder = tmp_path / "words"
    folder.mkdir()

    def write(name: str, text: str = OURS) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    write.folder = folder  # type: ignore[attr-defined]
    return write


def load(words):
    return load_catalogue(TEMPLATES, words.folder)


def rendered(catalogue, name, locale, sample="typical"):
    message = catalogue.message(name)
    path = next(path for path in message.samples() if path.stem == sample)
    return CatalogueRenderer(catalogue).render(read_sample(path, name, locale))


def problem_of(words):
    with pytest.raises(TemplateProblem) as caught:
        load(words)
    return caught.value


# ---------------------------------------------------------------------------- one file


def test_one_file_of_words_changes_one_text_and_inherits_the_rest(words):
    """``lost/en.md`` alone: the card, the other languages and the samples are those of the program."""
    words("lost/en.md")
    shipped = load_catalogue(TEMPLATES)

    catalogue = load(words)

    assert rendered(catalogue, "lost", "en").subject.startswith("Ours ")
    assert rendered(catalogue, "lost", "pt-BR").text == rendered(shipped, "lost", "pt-BR").text
    assert catalogue.message("lost").card == shipped.message("lost").card
    assert set(catalogue.messages) == set(shipped.messages)


def test_a_message_knows_where_each_file_lies_and_which_are_the_shops_own(words):
    """The studio shows whose words they are, and writes none of ours."""
    ours = words("lost/en.md")
    words("lost/samples/odd.json", "{}")

    message = load(words).message("lost")

    assert {"en.md", "samples/odd.json"} == message.own
    assert ours == message.places["en.md"]
    assert message.places["pt_BR.md"] == TEMPLATES / "lost" / "pt_BR.md"
    assert message.places["message.toml"] == TEMPLATES / "lost" / "message.toml"
    assert {"odd", "typical", "worst"} <= {path.stem for path in message.samples()}
    assert message.folder == words.folder / "lost"


def test_without_a_folder_of_the_shops_nothing_is_its_own():
    """Also when the folder that is named is the very one of the program."""
    assert load_catalogue(TEMPLATES).message("lost").own == frozenset()
    assert load_catalogue(TEMPLATES, TEMPLATES).message("lost").own == frozenset()


def test_a_card_alone_changes_what_a_message_may_use(words):
    """The words stay ours: a card that takes a name away from them is found when they are compiled."""
    words("lost/message.toml", CARD)

    codes = {problem.code for problem in CatalogueRenderer(load(words)).check()}

    assert codes == {"template-name-not-listed"}


def test_a_problem_names_the_folder_that_its_file_lies_in(words):
    """The shop's file by the shop's folder, ours by templates/."""
    words("lost/en.md", OURS + "\n{{ arives.text }}\n")

    (problem,) = CatalogueRenderer(load(words)).check()

    assert problem.where == "words/lost/en.md:9"


# ---------------------------------------------------------------------------- what all messages share


def test_phrases_of_one_language_are_one_file(words):
    """Another greeting in Portuguese, and nothing else is another."""
    source = (TEMPLATES / "_phrases" / "pt_BR.toml").read_text("utf-8")
    hello = next(line for line in source.splitlines() if line.startswith("hello "))
    words("_phrases/pt_BR.toml", source.replace(hello, 'hello = "Oi de novo, {first_name}!"'))
    shipped = load_catalogue(TEMPLATES)

    catalogue = load(words)

    assert "Oi de novo, " in rendered(catalogue, "lost", "pt-BR").text
    assert rendered(catalogue, "lost", "en").text == rendered(shipped, "lost", "en").text


def test_half_a_part_is_enough(words):
    """Only the HTML of a part is the shop's; its plain text stays ours."""
    source = (TEMPLATES / "_parts" / "items.mjml").read_text("utf-8")
    words("_parts/items.mjml", source.replace("{{ title }}", "Ours: {{ title }}", 1))
    shipped = load_catalogue(TEMPLATES)

    mail = rendered(load(words), "wrong_item", "en")

    assert mail.text == rendered(shipped, "wrong_item", "en").text
    assert "Ours: " in mail.html


def test_a_broken_part_or_frame_is_named_where_it_lies(words):
    """Not by the place of the file that it stands for."""
    source = (TEMPLATES / "_layout" / "frame.txt").read_text("utf-8")
    words("_layout/frame.txt", source + "{{ brnd.name }}\n")
    frame = CatalogueRenderer(load(words)).check()[0]
    (words.folder / "_layout" / "frame.txt").unlink()
    part = (TEMPLATES / "_parts" / "items.txt").read_text("utf-8")
    words("_parts/items.txt", part + "{{ titel }}\n")

    assert frame.where.startswith("words/_layout/frame.txt:")
    assert problem_of(words).where.startswith("words/_parts/items.txt:")


def test_the_frame_of_the_shop_holds_every_message(words):
    """One file of the frame is enough."""
    source = (TEMPLATES / "_layout" / "frame.txt").read_text("utf-8")
    words("_layout/frame.txt", source + "\nSold by a shop.\n")

    catalogue = load(words)

    for name in catalogue.messages:
        assert "Sold by a shop." in rendered(catalogue, name, "en").text


def test_whatever_all_share_changes_every_version_and_words_only_their_own(words):
    """A version says what a mail is made of, wherever it lies."""
    shipped = load_catalogue(TEMPLATES)

    def versions(catalogue):
        return {name: catalogue.version(message, "1") for name, message in catalogue.messages.items()}

    before = versions(shipped)
    words("lost/en.md")
    after = versions(load(words))
    words("_layout/frame.txt", (TEMPLATES / "_layout/frame.txt").read_text("utf-8") + "x\n")

    assert {"lost"} == {name for name in before if before[name] != after[name]}
    assert not set(after.values()) & set(versions(load(words)).values())


# ---------------------------------------------------------------------------- new messages, and slips


def test_a_new_message_needs_a_card(words):
    """A folder with a slip in its name would be read by nobody."""
    words("losst/en.md")

    problem = problem_of(words)

    assert (problem.code, problem.where) == ("template-card-missing", "words/losst/en.md")


def test_a_new_message_brings_all_of_its_own(words):
    """Nothing lies beneath it."""
    words("hello/message.toml", CARD)
    words("hello/en.md")

    message = load(words).message("hello")

    assert message.beneath is None
    assert {"en.md", "message.toml"} == message.own == set(message.places)


def test_other_folders_beside_the_words_are_nobodys_business(words):
    """Notes, pictures, a repository."""
    words("notes/README.md", "# Notes")
    words(".git/en.md", "x")
    words("lost/.en.md.tmp", "half a file")
    words("lost/samples/.typical.json.tmp", "{")

    catalogue = load(words)

    assert set(catalogue.messages) == set(load_catalogue(TEMPLATES).messages)
    assert catalogue.message("lost").own == frozenset()


@pytest.mark.parametrize("name", ["pt-BR.md", "english.copy.md", "README.md", "en@1.md"])
def test_words_are_named_by_their_language(words, name):
    """A file that no customer would ever get is a slip."""
    words(f"lost/{name}")

    assert problem_of(words).code == "template-locale-name"


def test_a_folder_that_is_not_there_is_said_to_be_none(tmp_path):
    """Otherwise a slip in a path would speak with our words in the shop's name."""
    with pytest.raises(UsageProblem) as caught:
        load_catalogue(TEMPLATES, tmp_path / "wrods")

    assert caught.value.code == "templates-not-a-folder"


# ---------------------------------------------------------------------------- accepted mails


def test_accepted_mails_of_the_shop_are_written_into_its_folder(words):
    """What came with the program stays as it is, byte for byte."""
    shutil.copytree(TEMPLATES / "lost", words.folder.parent / "before")
    words("lost/en.md")
    catalogue = load(words)
    message, renderer = catalogue.message("lost"), CatalogueRenderer(catalogue)

    changed = goldens.accept(renderer, message)

    assert changed
    assert all(path.is_relative_to(words.folder / "lost" / "expected") for path in changed)
    assert goldens.differences(renderer, message) == []
    for before in (words.folder.parent / "before").rglob("*.*"):
        now = TEMPLATES / "lost" / before.relative_to(words.folder.parent / "before")
        assert before.read_bytes() == now.read_bytes()


def test_what_the_shop_did_not_change_is_held_against_what_came_with_the_program(words):
    """A golden is inherited like a file of words."""
    catalogue = load(words)
    message = catalogue.message("lost")
    own = goldens.accept(CatalogueRenderer(catalogue), message)
    for path in own:
        path.unlink()
    english = message.expected("typical", "en", "txt")

    assert message.accepted(english) == TEMPLATES / "lost" / "expected" / english.name
    english.parent.mkdir(parents=True, exist_ok=True)
    english.write_text("read and found good")
    assert message.accepted(english) == english


def test_the_frame_is_accepted_once_and_the_words_in_every_language(words):
    """HTML in English; plain text and subject in all languages."""
    words("hello/message.toml", CARD)
    words("hello/en.md")
    words("hello/de.md")
    sample = (TEMPLATES / "lost" / "samples" / "typical.json").read_text("utf-8")
    words("hello/samples/typical.json", sample)
    catalogue = load(words)

    changed = goldens.accept(CatalogueRenderer(catalogue), catalogue.message("hello"))

    assert sorted(path.name for path in changed) == [
        "typical.de.subject",
        "typical.de.txt",
        "typical.en.html",
        "typical.en.subject",
        "typical.en.txt",
    ]
