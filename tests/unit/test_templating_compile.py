"""Words, parts and frame: what compiles, and what is refused with file, line and a way out."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from streams.core.events import Letter, MessageQueued
from streams.problems import TemplateProblem
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.tags import Tokens, split

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
LETTER = Letter(to="ada@example.org", customer_name="Ada Pereira", time_zone="UTC", apologize=True)
CARD = 'purpose = "a message of a test"\nowner = "Tests"\nuses = ["arrives", "wrong", "label", "also"]\n'


@pytest.fixture
def write(tmp_path):
    """Return a function that puts words into a message folder of their own and gives a renderer of it."""

    def write_words(body, subject="Late: {{ order.id }}", preheader="Hello", locale="en", card=CARD):
        folder = tmp_path / "probe"
        folder.mkdir(exist_ok=True)
        (folder / "message.toml").write_text(card)
        words = f"---\nsubject: {subject}\npreheader: {preheader}\n---\n{body}"
        (folder / f"{locale}.md").write_text(words)
        return CatalogueRenderer.from_folder(TEMPLATES, tmp_path)

    return write_words


def queued(letter=LETTER, template="probe", locale="en", order_id="ORD-1"):
    return MessageQueued(
        order_id=order_id,
        decision_id="d",
        message_id="m",
        case_id="c",
        template=template,
        locale=locale,
        to_hash="h",
        letter=letter,
    )


def problem_of(renderer, **changes):
    with pytest.raises(TemplateProblem) as caught:
        renderer.render(queued(**changes))
    return caught.value


def test_markdown_becomes_both_mails(write):
    """Emphasis and lists are markup in HTML and plain marks in text."""
    renderer = write("# Head\n\nSome **strong** and *soft* words.\n\n- one\n- two\n\n1. first\n2. second\n")

    mail = renderer.render(queued())

    assert "<p>Some <strong>strong</strong> and <em>soft</em> words.</p>" in mail.html
    assert "<ul><li>one</li><li>two</li></ul>" in mail.html
    assert mail.text.startswith(
        "Head\n\nSome strong and soft words.\n\n- one\n- two\n\n1. first\n2. second\n\n"
    )


def test_html_in_words_stays_text(write):
    """An author's angle brackets are four characters, not markup."""
    mail = write("a <b>bold</b> &amp; claim").render(queued())

    assert "a &lt;b&gt;bold&lt;/b&gt; &amp;amp; claim" in mail.html
    assert "a <b>bold</b> &amp; claim" in mail.text


def test_a_condition_chooses_paragraphs_in_both_mails(write):
    """The branch that is not taken leaves no blank lines and no empty boxes."""
    renderer = write("First.\n\n{% if apologize %}\nSorry.\n{% else %}\nFacts.\n{% endif %}\n\nLast.\n")

    sorry = renderer.render(queued())

    assert sorry.text.startswith("First.\n\nSorry.\n\nLast.\n\n")
    assert "Facts." not in sorry.html


def test_a_condition_may_stand_inside_a_sentence(write):
    """Half a sentence can depend on the letter."""
    mail = write("We know{% if apologize %} and care{% endif %}.").render(queued())

    assert "<p>We know and care.</p>" in mail.html
    assert mail.text.startswith("We know and care.\n")


def test_escaped_braces_cannot_smuggle_a_tag(write):
    r"""``\{{`` split by a Markdown escape is printed, not run."""
    mail = write("Look: {\\{ order.id }} and {\\% if x %} and {{ order.id }}.").render(queued())

    assert "Look: {{ order.id }} and {% if x %} and ORD-1." in mail.text
    assert "Look: {{ order.id }} and {% if x %} and ORD-1." in mail.html


@pytest.mark.parametrize(
    ("body", "code", "line", "hint"),
    [
        ("\nHi {{ customer.frist_name }}", "template-unknown-name", 6, "did you mean customer.first_name?"),
        ("{{ arives.text }}", "template-unknown-name", 5, "did you mean arrives.text?"),
        (
            "a\n\n{{ arrives.text }}",
            "template-unguarded-name",
            7,
            "put the sentence between {% if arrives %}",
        ),
        (
            "{% if arrives %}\nx\n{% else %}\n{{ arrives.by }}\n{% endif %}",
            "template-unguarded-name",
            8,
            "{% if arrives %}",
        ),
        ("{{ promised_by }}", "template-name-not-listed", 5, 'add "promised_by" to `uses`'),
        (
            "{% for x in also %}{{ x }}{% endfor %}",
            "template-not-allowed",
            5,
            "choose between whole sentences",
        ),
        ("{% set x = 1 %}", "template-not-allowed", 5, ""),
        ("{% include 'x' %}", "template-not-allowed", 5, ""),
        ("{{ order.id|upper }}", "template-not-allowed", 5, ""),
        ("{{ 7 * 7 }}", "template-not-allowed", 5, ""),
        ("{{ order['id'] }}", "template-not-allowed", 5, ""),
        ("{{ order.id.upper() }}", "template-unknown-part", 5, ""),
        ("{{ also }}", "template-not-allowed", 5, "hand it to a part"),
        ("{% if apologize == 1 %}x{% endif %}", "template-not-allowed", 5, ""),
        ("{% if apologize %}\nx", "template-syntax", 5, "{% endif %}"),
        ("{{ order.id", "template-syntax", 5, ""),
        ("{% raw %}x{% endraw %}", "template-not-allowed", 5, ""),
        ("{{ date_crad('x', also) }}", "template-unknown-part", 5, "did you mean date_card?"),
        ("{{ notes('x', order.id) }}", "template-part-arguments", 5, "notes(title, sentences)"),
        ("{{ notes('x') }}", "template-part-arguments", 5, "notes(title, sentences)"),
        ("{{ date_card('x', arrives) }}", "template-unguarded-name", 5, ""),
        ("\n\nRead {{ notes('x', also) }}", "template-part-in-sentence", 7, "a line of its own"),
        (
            "a {% if apologize %} b\n\nc {% endif %} d",
            "template-torn-condition",
            5,
            "close it within the paragraph",
        ),
        ("[x](javascript:alert)", "template-not-allowed", 5, "https://"),
        (
            "Go.\n\n{% if apologize %}\nSorry.\n\n[x](http://example.org)\n{% endif %}",
            "template-not-allowed",
            10,
            "https://",
        ),
        ("[x]({{ order.id }})", "template-not-allowed", 5, "links.reply"),
        ("[x](https://example.org/{{ order.id }})", "template-not-allowed", 5, "links.reply"),
    ],
)
def test_words_that_cannot_stand_are_refused_where_they_are(write, body, code, line, hint):
    """A problem names the file, the line and the way out, before any customer is involved."""
    problem = problem_of(write(body))

    assert code == problem.code
    assert hint in problem.hint
    assert problem.where.endswith(f"probe/en.md:{line}")


def test_problems_in_the_subject_name_its_line(write):
    """The front matter is checked like the body."""
    assert problem_of(write("x", subject="{{ nope }}")).where.endswith("probe/en.md:2")
    assert problem_of(write("x", preheader="{{ notes('x', also) }}")).where.endswith("probe/en.md:3")


@pytest.mark.parametrize(
    "source",
    [
        "no front matter",
        "---\nsubject: x\n---\n",
        "---\nsubject: x\npreheader:\n---\n",
        "---\nsubject: x\nsubject: y\npreheader: z\n---\n",
        "---\nsubject: x\npreheader: y\nbcc: z\n---\n",
        "---\nsubject: x\npreheader: y\n",
    ],
)
def test_front_matter_holds_subject_and_preheader_and_nothing_else(tmp_path, source):
    """A header cannot be added from the words."""
    folder = tmp_path / "probe"
    folder.mkdir()
    (folder / "message.toml").write_text(CARD)
    (folder / "en.md").write_text(source)

    with pytest.raises(TemplateProblem) as caught:
        load_catalogue(TEMPLATES, tmp_path)

    assert caught.value.code == "template-front-matter"


def test_a_message_needs_english(write):
    """English is the fallback, so a folder without it cannot be loaded."""
    with pytest.raises(TemplateProblem) as caught:
        write("x", locale="pt_BR")

    assert caught.value.code == "template-missing-locale"


def test_uses_names_only_what_is_offered(write):
    """A typo in message.toml is found like one in the words."""
    with pytest.raises(TemplateProblem) as caught:
        write("x", card=CARD.replace("arrives", "arives"))

    assert caught.value.hint == "did you mean arrives?"


def test_an_override_wins_file_by_file_and_only_for_its_message(tmp_path):
    """Other languages and the other messages stay as they came."""
    folder = tmp_path / "late_delivery"
    folder.mkdir()
    (folder / "en.md").write_text("---\nsubject: Ours\npreheader: x\n---\nOurs.\n")
    shipped = CatalogueRenderer.from_folder(TEMPLATES)

    renderer = CatalogueRenderer.from_folder(TEMPLATES, tmp_path)

    brazil = queued(template="late_delivery", locale="pt-BR")
    assert renderer.render(queued(template="late_delivery")).subject == "Ours"
    assert renderer.render(brazil).subject == shipped.render(brazil).subject
    assert (
        renderer.render(queued(template="return_to_sender")).subject
        == "Your order ORD-1 is coming back to us"
    )


def test_an_unknown_message_names_its_neighbor(write):
    """A policy with a typo in a template's name gets a hint."""
    problem = problem_of(write("x"), template="late_delivry")

    assert (problem.code, problem.hint) == ("template-missing", "did you mean late_delivery?")


def test_a_message_without_letter_is_a_problem(write):
    """The public log has no letters."""
    assert problem_of(write("x"), letter=None).code == "template-no-letter"


def test_a_tag_where_a_number_must_stand_is_reported_as_lost(tmp_path):
    """MJML computes with widths, so a tag in one vanishes: an error, never a mail with a hole."""
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    part = tmp_path / "templates/_parts/items.mjml"
    part.write_text(part.read_text().replace("<mj-column ", '<mj-column width="{{ title }}" '))

    problems = CatalogueRenderer.from_folder(tmp_path / "templates").check()

    assert {"template-lost-tag"} == {problem.code for problem in problems}
    assert problems[0].where == "templates/_parts/items.mjml:3"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("{{ title }}", "{{ titel }}"), "template-unknown-name"),
        (("{{ title }}", "{{ title|upper }}"), "template-not-allowed"),
        (("{{ title }}", "{{ title.upper() }}"), "template-not-allowed"),
        (("{# items(title: text", "{# items(title: thing"), "template-part-header"),
        (("{# items(", "{# itmes("), "template-part-header"),
    ],
)
def test_parts_are_checked_when_they_are_read(tmp_path, change, code):
    """A part is reviewed code, but a typo must not wait for a customer."""
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    part = tmp_path / "templates/_parts/items.mjml"
    part.write_text(part.read_text().replace(*change))

    with pytest.raises(TemplateProblem) as caught:
        load_catalogue(tmp_path / "templates")

    assert code == caught.value.code
    assert "templates/_parts/items.mjml" in caught.value.where


@pytest.mark.parametrize(
    ("source", "hidden"),
    [
        ("<td>{% if a %}x{% endif %}</td>", "<td><!--0-->x<!--1--></td>"),
        ("<td>{{ a }}</td>", "<td>0</td>"),
        ('<a href="{% if a %}x{% endif %}">', '<a href="0x1">'),
        (
            "<mj-title>{% if a %}x{% endif %}</mj-title>{% if b %}{% endif %}",
            "<mj-title>0x1</mj-title><!--2--><!--3-->",
        ),
        ("<mj-style>a > b {% if a %}{% endif %}</mj-style>", "<mj-style>a > b 01</mj-style>"),
        ("<a title='>{% if a %}'>{% endif %}</a>", "<a title='>0'><!--1--></a>"),
        ("<!-- {% if a %} -->{% endif %}", "<!-- 0 --><!--1-->"),
        ("it's {% if a %}", "it's <!--0-->"),
    ],
)
def test_control_tags_hide_as_comments_in_running_text_only(source, hidden):
    """A comment is legal between table rows; inside attributes, raw elements and comments only a word is."""
    tokens = Tokens.for_content(source)

    found = tokens.hide(split(source, "x.mjml"), "x.mjml")

    assert hidden == re.sub(rf"x{tokens.nonce}n(\d+)x", r"\1", found)


def test_a_control_tag_that_moved_is_found():
    """Tags put back in another order would open what they should close."""
    tokens = Tokens.for_content("x")
    hidden = tokens.hide(split("{% if a %}?{% endif %}", "x.md"), "x.md")
    first, second = hidden.split("?")

    with pytest.raises(TemplateProblem, match="moved"):
        tokens.restore(f"{second}?{first}", expected=hidden)
    with pytest.raises(TemplateProblem, match="was doubled"):
        tokens.restore(f"{hidden}{second}", expected=hidden)
    with pytest.raises(TemplateProblem, match="was lost"):
        tokens.restore(first, expected=hidden)


def test_the_version_follows_the_content(write):
    """The same words have the same version for ever; any change gives another."""
    first = write("One.").render(queued()).template_version
    again = write("One.").render(queued()).template_version
    other = write("Two.").render(queued()).template_version

    assert first == again
    assert first != other


def test_a_renderer_keeps_what_it_compiled_over_a_reload(write, tmp_path):
    """The studio reloads on every save; unchanged messages are not compiled again."""
    renderer = write("One.")
    renderer.render(queued())
    before = dict(renderer._compiled)

    renderer.reload(load_catalogue(TEMPLATES, tmp_path))
    renderer.render(queued())

    assert before == renderer._compiled
