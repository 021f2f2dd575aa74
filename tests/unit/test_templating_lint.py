"""The colleague who reads over the writer's shoulder: each rule speaks when it should and is silent otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from streams.core.events import Letter
from streams.pipeline.ports import RenderedMail
from streams.templating.catalogue import Card, load_catalogue, read_words
from streams.templating.lint import judge_mail, judge_words, lint, not_checked, rules_by_name
from streams.templating.lint.language import pack_for, packs
from streams.templating.lint.passages import passages_of
from streams.templating.lint.tone import Tone

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
BRAND = load_catalogue(TEMPLATES).brand
ADDED = 16  # the line of what a test adds to BODY
SUBJECT = "Your order {{ order.id }} is late"
BODY = """{{ greeting }}

{# slot: responsibility #}
We have not kept our word.{% if apologize %} We're sorry.{% endif %}

{# slot: repair #}
We are already sending it again.

{# slot: next_step #}
There is nothing you need to do.
"""
TEXT = """Hello Ada,

We have not kept our word. We're sorry.

We are already sending it again.

There is nothing you need to do.

Kind regards,
Marina Costa

--\N{SPACE}
We apologize for the inconvenience of this footer.
"""
CARD = Card(
    purpose="a message of a test",
    owner="Tests",
    uses=("arrives", "replacement", "arrived"),
    slots=("responsibility", "repair", "next_step"),
)
LETTER = Letter(to="ada@example.org", time_zone="UTC", kinds=("late_delivery",), apologize=True)
SAMPLE = {
    "about": "a sample of a test",
    "order_id": "ORD-1",
    "letter": {"to": "ada@example.org", "time_zone": "UTC", "kinds": ["late_delivery"], "apologize": True},
}


# Rules about form have tests of their own.
TONE = {name for name, rule in rules_by_name().items() if isinstance(rule, Tone)}
MINE = TONE | {"required_slots", "cannot_render"}


def words(body=BODY, subject=SUBJECT, preheader="It is on its way."):
    """Return words, good but for what is given; the body begins on line 5."""
    return read_words(
        f"---\nsubject: {subject}\npreheader: {preheader}\n---\n{body}", "templates/probe/en.md"
    )


def judged(body=BODY, *, subject=SUBJECT, card=CARD, locale="en", **more):
    """Return what is found in words, by rule and line."""
    found = judge_words(words(body, subject, **more), locale, card)
    return {
        (one.rule, int(one.where.rpartition(":")[2]) if ":" in one.where else 0)
        for one in found
        if one.rule in MINE
    }


def spoken(*arguments, **more):
    """Return the rules that speak."""
    return {rule for rule, _ in judged(*arguments, **more)}


def mailed(text=TEXT, *, letter=LETTER, card=CARD, subject="Your order ORD-1 is late"):
    """Return the rules that speak of a rendered mail."""
    mail = RenderedMail(
        subject=subject, preheader="It is on its way.", text=text, html="<html></html>", template_version="1"
    )
    return {one.rule for one in judge_mail(mail, letter, card, "en", BRAND)} & TONE


def test_good_words_are_let_through():
    """No rule speaks for the sake of it, neither of the words nor of the mail."""
    assert spoken() == set()
    assert mailed() == set()


@pytest.mark.parametrize("locale", sorted(packs()))
def test_the_words_of_the_house_have_no_error_of_tone(locale):
    """Every message that comes with firstword may be released, in each of its languages."""
    catalogue = load_catalogue(TEMPLATES)
    found = [
        finding
        for message in catalogue.messages.values()
        if locale in message.words
        for finding in judge_words(message.words[locale], locale, message.card)
    ]

    assert [(one.where, one.rule, one.says) for one in found if one.severity == "error"] == []


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        ("no_inconvenience", "Sorry for any inconvenience.", "You were without it for a week."),
        ("no_blame", "This happened due to the heavy snow.", "Drop it off at the carrier of your choice."),
        ("no_blame", "It was caused by our carrier.", "We chose the carrier, and it is our job."),
        ("no_blame", "You weren't at home.", "You did not order this, so it is yours."),
        ("no_blame", "Unforeseen events came between us.", "We did not foresee it, and we should have."),
        ("no_agentless_passive", "Mistakes were made.", "We made a mistake."),
        ("no_agentless_passive", "Your order has been delayed.", "Your refund has been paid."),
        ("no_agentless_passive", "It was packed wrongly.", "It was packed wrongly by us."),
        ("no_empty_promise", "This will never happen again.", "We have put a second scale at the bench."),
        ("no_empty_promise", "Rest assured, you matter.", "We promised your order by Friday."),
        ("no_begging", "Please forgive us.", "We are sending it again."),
        ("no_begging", "Give us another chance.", "The choice is yours."),
        ("no_marketing", "Sorry!", "Sorry."),
        ("no_marketing", "Take 10% off your next order.", "We have also credited you $5.00."),
        ("no_marketing", "You are a star \N{SMILING FACE WITH SMILING EYES}", "You are a star."),
        ("no_customer_effort", "Please print the label.", "You do not need to print the label."),
        ("no_customer_effort", "Fill in the claim form.", "There is no form to fill in."),
        ("no_customer_effort", "Send us a photo of the damage.", "There is nothing you need to prove."),
        ("no_customer_effort", "A restocking fee applies.", "There is no restocking fee."),
        ("no_pressure", "Return it within 14 days.", "After Saturday, January 2, it is yours to keep."),
        ("no_pressure", "Otherwise we will charge you.", "Otherwise there is nothing you need to do."),
        ("no_pressure", "We noticed you have not sent it back.", "Send it back whenever you like."),
        ("honest_dates", "It will arrive soon.", "Write to us as soon as you like."),
        ("honest_dates", "Allow 3-5 business days.", "It arrives between Tuesday and Friday, November 27."),
        ("honest_dates", "It comes tomorrow.", "It comes on {{ arrives.text }}."),
        ("named_person", "Please do not reply to this email.", "Reply to this email and it reaches me."),
        ("named_person", "Dear valued customer,", "Hello,"),
        ("one_apology", "We're sorry if you were affected.", "If it moves, we write."),
        ("one_apology", "We are sorry, but it happens.", "It is late, but it is on its way."),
        ("takes_responsibility", "A problem occurred.", "We made a mistake."),
        ("takes_responsibility", "This is not our fault.", "This is our fault."),
        ("repair_started", "We will look into it.", "We are already sending it again."),
        ("repair_started", "Once we receive the item, we refund you.", "It waits for nothing to come back."),
        ("one_next_step", "Reply, or call our hotline.", "Reply with one word."),
        ("no_minimizers", "There is a slight delay.", "It is simply yours to keep."),
        ("no_minimizers", "It is just a day late.", "You pay only for what you ordered."),
        ("no_hedges", "We hope to send it on Friday.", "Your order may be late."),
        ("no_hedges", "It should arrive on Friday.", "Your order should be with you by now."),
        ("no_officialese", "Please be advised of a change.", "Here is what changes."),
        ("no_presumed_thanks", "Thank you for your patience.", "Thank you for telling us."),
    ],
)
def test_words_that_hurt_are_found_where_they_are(rule, bad, good):
    """With the line; and words that only look like them are let through."""
    assert (rule, ADDED) in judged(f"{BODY}\n{bad}\n")
    assert rule not in spoken(f"{BODY}\n{good}\n")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("Pedimos desculpas por qualquer inconveniente.", "no_inconvenience"),
        ("Atrasou por causa da transportadora. Desculpe.", "no_blame"),
        ("Desculpe. Isso não vai se repetir.", "no_empty_promise"),
        ("Desculpe. Aproveite um cupom.", "no_marketing"),
    ],
)
def test_rules_speak_other_languages(body, rule):
    """The pack is chosen by the locale, a variant's and a country's own too."""
    assert (rule, 5) in judged(body, locale="pt_BR")
    assert (rule, 5) in judged(body, locale="pt_BR@b")
    assert rule not in spoken(body, locale="en")


def test_a_language_without_a_pack_is_not_checked(tmp_path):
    """No rule about tone speaks of it, and the report says so."""
    assert judged("Wir bitten um Verständnis!", locale="ja") == {("required_slots", 0)}
    folder = tmp_path / "probe"
    folder.mkdir()
    (folder / "message.toml").write_text('purpose = "a message of a test"\nowner = "Tests"\n')
    for locale in ("en", "ja"):
        (folder / f"{locale}.md").write_text("---\nsubject: x\npreheader: y\n---\nz\n")

    silent = not_checked(load_catalogue(TEMPLATES, tmp_path))
    assert "ja" in silent
    assert "en" not in silent
    assert pack_for("en_GB") is pack_for("en")


@pytest.mark.parametrize(
    ("regret", "rules"),
    [
        ("{% if apologize %} We're sorry.{% endif %}", set()),
        (" We're sorry.", set()),
        ("{% if apologize %} We're sorry. Truly sorry.{% endif %}", {"one_apology"}),
        ("", {"one_apology"}),
        ("{% if arrived %} We're sorry.{% endif %}", {"one_apology"}),
        ("{% if arrived %} We're sorry.{% else %} We apologize.{% endif %}", set()),
        ("{% if arrived %} We're sorry.{% endif %} We apologize.", {"one_apology"}),
        (" It is late. " + "Word after word. " * 30 + "We're sorry.", {"one_apology"}),
        ("\n\nFirst.\n\nSecond.\n\nWe're sorry.", {"one_apology"}),
    ],
)
def test_regret_counts_once_and_early_on_every_way(regret, rules):
    """Twice, late, or missing on one way through the words: each is found; one in either branch is one."""
    body = BODY.replace("{% if apologize %} We're sorry.{% endif %}", regret)

    assert spoken(body) & {"one_apology"} == rules


def test_words_that_ask_whether_to_apologize_ask_it_everywhere():
    """A second regret outside of the question reaches a customer who was told already."""
    body = BODY.replace(
        "{% endif %}\n", "{% endif %}{% if arrived and not apologize %} Sorry.{% endif %}\n", 1
    )

    assert ("one_apology", 8) in judged(body)


def test_a_message_without_regret_never_says_sorry():
    """`regret = false` in message.toml."""
    quiet = msgspec.structs.replace(CARD, regret=False)

    assert "one_apology" in spoken(card=quiet)
    assert "one_apology" not in spoken(BODY.replace(" We're sorry.", ""), card=quiet)


@pytest.mark.parametrize(
    ("subject", "speaks"),
    [
        ("{{ order.id }} is late", False),
        (
            "{% if arrived %}Order {{ order.id }} is broken{% else %}Order {{ order.id }} is lost{% endif %}",
            False,
        ),
        ("An update on your order {{ order.id }}", True),
        ("Your order {{ order.id }}", True),
        ("Your order is late", True),
        ("Important: your order {{ order.id }} is late", True),
        ("{% if arrived %}{{ order.id }} is late{% else %}Your order {{ order.id }}{% endif %}", True),
    ],
)
def test_a_subject_names_the_trouble_and_the_order(subject, speaks):
    """In every branch."""
    assert ("subject_names_problem" in spoken(subject=subject)) is speaks


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("We have not kept our word.", "It is what it is.", "takes_responsibility", 8),
        ("We are already sending it again.", "Soup of the day.", "repair_started", 11),
        ("There is nothing you need to do.", "Soup of the day.", "one_next_step", 14),
    ],
)
def test_a_marked_paragraph_says_what_it_is_for(old, new, rule, line):
    """A sentence of the same kind elsewhere does not help the paragraph that is marked for it."""
    assert (rule, line) in judged(f"{BODY.replace(old, new)}\n{old}\n")


@pytest.mark.parametrize(
    ("branches", "missed"),
    [
        (
            "{% if replacement %}\n{# slot: repair #}\nWe are sending it.\n{% endif %}",
            "replacement is absent",
        ),
        ("{# slot: repair #}\n{% if replacement %}\nWe are sending it.\n{% endif %}", ""),
        (
            "{% if replacement %}\n{# slot: repair #}\nWe are sending it.\n{% else %}\n{# slot: repair #}\nTell us.\n{% endif %}",
            None,
        ),
        (
            (
                "{% if replacement %}\n{% if replacement.arrives %}\n{# slot: repair #}\nWe are sending it.\n"
                "{% endif %}\n{% elif arrives %}\n{# slot: repair #}\nWe are sending it.\n{% else %}\n"
                "{# slot: repair #}\nWe are sending it.\n{% endif %}"
            ),
            "replacement.arrives is absent and replacement is there",
        ),
        (
            (
                "{% if replacement %}\n{# slot: repair #}\nWe are sending it.\n"
                "{% elif not replacement.arrives %}\n{# slot: repair #}\nWe are sending it.\n{% endif %}"
            ),
            None,
        ),
        (
            (
                "{% if not arrives %}\n{# slot: repair #}\nWe are sending it.\n{% endif %}\n\n"
                "{% if arrives or arrived %}\n{# slot: repair #}\nWe are sending it.\n{% endif %}"
            ),
            None,
        ),
    ],
)
def test_every_way_through_the_words_passes_every_slot(branches, missed):
    """The proof knows `not`, `and`, `or`, `elif`, and that what is absent has no parts."""
    body = BODY.replace("{# slot: repair #}\nWe are already sending it again.", branches)
    found = [one.says for one in judge_words(words(body), "en", CARD) if one.rule == "required_slots"]

    if missed is None:
        assert found == []
    else:
        assert len(found) == 1
        assert all(part in found[0] for part in missed.split(" and "))


def test_a_slot_that_nobody_knows_is_found():
    """A typo in a mark would else mark nothing, and a mark that is not listed proves nothing."""
    assert ("required_slots", 8) in judged(BODY.replace("responsibility", "responsability"))
    assert ("required_slots", 11) in judged(card=msgspec.structs.replace(CARD, slots=("responsibility",)))


def test_one_way_to_act_is_enough():
    """Two channels or two links on one way are found; one in each of two branches is not."""
    two = "\nReply with one word.\n\nCall us on 555-0100.\n"
    either = "\n{% if arrived %}\n[Answer]({{ links.reply }}).\n{% else %}\n[Answer]({{ links.reply }}).\n{% endif %}\n"

    assert "one_next_step" in spoken(BODY + two)
    assert "one_next_step" in spoken(BODY + either.replace("{% else %}\n", ""))
    assert "one_next_step" not in spoken(BODY + either)


def test_the_answers_to_one_question_are_one_step():
    """Money back or waiting is one choice, side by side or in a list; another link beside it is a second step."""
    refund, wait = "[money back]({{ links.refund }})", "[wait]({{ links.wait }})"
    asked = f"{BODY}\n{{% if links.refund and links.wait %}}\nTell us what you would like:\n"

    assert "one_next_step" not in spoken(f"{asked}{refund}, or {wait}.\n{{% endif %}}\n")
    assert "one_next_step" not in spoken(f"{asked}\n- {refund}\n- {wait}\n{{% endif %}}\n")
    assert "one_next_step" in spoken(
        f"{asked}\n- {refund}\n- [answer]({{{{ links.reply }}}})\n{{% endif %}}\n"
    )


def test_the_first_day_of_a_range_is_no_date():
    """It is the hopeful one."""
    assert "honest_dates" in spoken(f"{BODY}\nIt comes on {{{{ arrives.from_day }}}}.\n")
    both = "It comes between {{ arrives.from_day }} and {{ arrives.by }}."
    assert "honest_dates" not in spoken(f"{BODY}\n{both}\n")


def test_sentences_are_read_without_marks_and_over_line_breaks():
    """Emphasis, curly quotes, list marks, links and the titles of parts hide nothing."""
    assert ("no_hedges", ADDED) in judged(f"{BODY}\n- We **hope**\n  to send it.\n")
    assert ("takes_responsibility", ADDED) in judged(
        f"{BODY}\nWe can\u2019t be held [responsible]({{{{ links.reply }}}}).\n"
    )
    assert ("no_marketing", ADDED) in judged(BODY + '\n{{ date_card("Hurry!", arrives) }}\n')
    assert ("no_hedges", 2) in judged(subject="We hope to send {{ order.id }}, which is late")


def test_both_branches_are_whole_sentences():
    """A sentence is never read across an `else`, and each half is read with what stands around it."""
    body = BODY + "\nWe {% if arrived %}know{% else %}hope{% endif %} to send it.\n"
    texts = {passage.text for passage in passages_of(words(body))}

    assert {"We know to send it.", "We hope to send it."} <= texts
    found = judge_words(words(body), "en", CARD)
    assert [one.match for one in found if one.rule in MINE] == ["We hope to"]


@pytest.mark.parametrize(
    ("text", "letter", "rule"),
    [
        (TEXT.replace(" We're sorry.", ""), {}, "one_apology"),
        (TEXT, {"apologize": False}, "one_apology"),
        (TEXT.replace("word.", "word due to the weather."), {}, "no_blame"),
        (TEXT.replace("Marina Costa", "The Team"), {}, "named_person"),
        (TEXT.replace("Marina Costa", "M."), {}, "named_person"),
        (TEXT.replace("We have not kept our word.", "Well."), {}, "takes_responsibility"),
    ],
)
def test_a_rendered_mail_is_read_as_the_customer_reads_it(text, letter, rule):
    """What only shows when the words are filled in: the apology that was not asked for, the signature."""
    assert mailed(text, letter=msgspec.structs.replace(LETTER, **letter)) == {rule}


def test_what_came_from_the_order_is_nobodys_tone():
    """Titles of articles may shout."""
    line = {"sku": "A", "title": "Sorry! The game. Soon in your hands!", "quantity": 1}
    letter = msgspec.convert({**SAMPLE["letter"], "order_lines": [line]}, Letter)
    text = TEXT.replace(
        "again.", f"again: {line['title']}\n\nWhat you ordered:\n  1 \N{MULTIPLICATION SIGN} {line['title']}"
    )

    rows = "\n\nYour label:\n  Carrier: Sorry & Soon Ltd!\n\nKind regards"

    assert mailed(text.replace("\n\nKind regards", rows), letter=letter) == set()


@pytest.fixture
def linted(tmp_path):
    """Return a function that writes a message into a folder and gives the findings about it."""

    def lint_folder(*, body=BODY, samples=("typical", "worst"), card=""):
        folder = tmp_path / "probe"
        (folder / "samples").mkdir(parents=True)
        (folder / "message.toml").write_text(
            'purpose = "a message of a test"\nowner = "Tests"\n'
            f'slots = ["responsibility", "repair", "next_step"]\n{card}'
        )
        (folder / "en.md").write_text(f"---\nsubject: {SUBJECT}\npreheader: It is on its way.\n---\n{body}")
        for name in samples:
            (folder / "samples" / f"{name}.json").write_text(json.dumps(SAMPLE))
        return lint(load_catalogue(TEMPLATES, tmp_path), only=lambda name: name == "probe")

    return lint_folder


def test_a_language_of_the_house_must_be_spoken(linted):
    """Unless the message lists its own."""
    assert "probe/pt_BR.md" in {one.where for one in linted() if one.rule == "missing_locale"}


def test_a_message_may_list_its_languages(linted):
    """Then those are enough."""
    assert {one.rule for one in linted(card='locales = ["en"]\n')} & {"missing_locale"} == set()


def test_a_missing_sample_is_found(linted):
    """Nobody has seen a message without its worst sample."""
    places = [one.where for one in linted(samples=("typical",)) if one.rule == "has_samples"]

    assert places == ["probe/samples"]


def test_what_is_wrong_with_the_words_is_not_said_again_for_each_sample(linted):
    """One sentence, one finding."""
    found = [one for one in linted(body=f"{BODY}\nIt comes soon.\n") if one.rule == "honest_dates"]

    assert [one.where.rpartition("/")[2] for one in found] == ["en.md:16"]


def test_words_that_cannot_be_rendered_are_a_finding(linted):
    """The lint goes on with the other messages."""
    assert "cannot_render" in {one.rule for one in linted(body="{{ nope }}")}


def test_words_that_are_no_template_are_a_finding_with_its_line():
    """The studio asks while somebody is still typing."""
    assert judged(f"{BODY}\n{{% if arrived %}}\n") == {("cannot_render", ADDED)}


def test_every_rule_is_documented():
    """The docstring of a rule is its page in the reference; it gives a reason and says where that is from."""
    silent = [
        name
        for name, rule in rules_by_name().items()
        if len(type(rule).__doc__ or "") < 60 or not rule.why or not rule.source
    ]

    assert silent == []


@pytest.mark.parametrize("locale", sorted(packs()))
def test_every_pack_has_words_for_every_rule_about_tone(locale):
    """And for no rule that there is not."""
    words = packs()[locale].rules
    silent = {
        name for name in TONE if not (words.get(name) and (words[name].forbidden or words[name].required))
    }

    assert silent == set()
    assert set(words) <= set(rules_by_name())
