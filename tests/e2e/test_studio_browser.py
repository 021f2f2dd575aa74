"""The studio as somebody uses it who writes for a living: a real browser, a real process, real files, a real relay."""

import email
import email.policy
import shutil
import statistics
import subprocess

import pytest

from tests import browser_rig
from tests.browser_rig import SCHEMES, WIDTHS
from tests.embedded_runs import ROOT
from tests.mail_receiver import MailReceiver
from tests.studio_rig import eventually, studio

SHIPPED = ROOT / "templates"
LOST = "/messages/lost?locale=en"
SENTENCE = "We sent your order, and we can no longer find the parcel."
WRONG = " We apologize for any inconvenience."
ROUNDS = 15
ENDED = """() => {
    const last = performance.getEntriesByName("preview").at(-1);
    return performance.timeOrigin + last.startTime + last.duration;
}"""
STEPS = """() => Object.entries(performance.getEntriesByName("preview").at(-1).detail)
    .map(([step, ms]) => `${step} ${Math.round(ms)} ms`).join(", ")"""
READING = 90.0  # seconds to read every message in every language, on a machine that is busy with other tests


@pytest.fixture(scope="module")
def chromium():
    with browser_rig.browser() as one:
        yield one


@pytest.fixture(scope="module")
def axe():
    return browser_rig.axe()


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A studio that is only looked at, or written in without saving."""
    with studio(tmp_path_factory.mktemp("words"), come_in=False) as one:
        yield one


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "words"
    folder.mkdir()
    return folder


def address(room):
    return f"http://{room.host}:{room.port}"


def enter(page, room, path="/"):
    """Come in by the address that the studio printed, and go to a page."""
    page.goto(f"{address(room)}{room.first}")
    page.goto(f"{address(room)}{path}")
    return page


def write(page, room, path=LOST):
    """Open a message, and wait until it was shown once."""
    enter(page, room, path)
    eventually(lambda: shown(page))
    return page.locator("#words .cm-content")


def shown(page):
    """Milliseconds from each change to the mail on the screen, as the page measured them."""
    return page.evaluate('performance.getEntriesByName("preview").map(one => one.duration)')


def mail(page):
    """The text of the mail in front."""
    return page.frame_locator(".sheet iframe:not(.behind)").locator("body").inner_text()


def type_after(page, words, typed, sentence=SENTENCE):
    """Find a sentence as people do, put the cursor behind it, and type."""
    words.focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("Control+f")
    page.keyboard.insert_text(sentence[:-1])
    page.keyboard.type(sentence[-1])
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    page.keyboard.type(typed)


def text_of(words):
    return "\n".join(words.locator(".cm-line").all_inner_texts())


def test_the_list_shows_every_message_in_every_language(chromium, room):
    """Rows are found by what they are about; a cell leads to the words."""
    with browser_rig.page(chromium) as page:
        enter(page, room)
        messages = sorted(one.parent.name for one in SHIPPED.glob("*/message.toml"))
        rows = page.locator(".message")

        assert rows.count() == len(messages)
        eventually(lambda: page.get_by_text("reading…").count() == 0, READING)
        assert rows.nth(messages.index("lost")).locator(".cell b").all_inner_texts() == [
            "en",
            *sorted(one.stem for one in (SHIPPED / "lost").glob("*.md") if one.stem != "en"),
        ]
        page.keyboard.press("/")
        page.keyboard.type("believed at once")
        assert rows.locator("h2 a").all_inner_texts() == ["Lost"]
        rows.locator(".cell", has_text="pt_BR").click()
        page.locator("#words .cm-content[lang=pt-BR]").wait_for()
        assert page.get_by_role("heading", name="Lost", exact=True).count() == 1


def test_a_sentence_is_seen_while_it_is_written_and_saved_as_the_shop_s_own(chromium, own):
    """The mail follows the keys and keeps its place; only the file that was changed lands in the shop's folder."""
    with studio(own, come_in=False) as room, browser_rig.page(chromium) as page:
        words = write(page, room)
        assert SENTENCE in mail(page)  # the first mail is in front, not in the frame that loads the next
        page.locator("#stage").evaluate("stage => stage.scrollTo(0, 120)")
        type_after(page, words, " That is on us.")
        eventually(lambda: "That is on us." in mail(page))

        assert page.locator("#stage").evaluate("stage => stage.scrollTop") == 120
        assert page.locator("#state").inner_text() == "Not saved"
        assert list(own.rglob("*.md")) == []
        page.keyboard.press("Control+s")
        eventually(lambda: page.locator("#state").inner_text() == "Saved")
        page.go_back()
        page.locator(".message").first.wait_for()
    assert [str(one.relative_to(own)) for one in own.rglob("*.md")] == ["lost/en.md"]
    assert f"{SENTENCE} That is on us." in (own / "lost/en.md").read_text("utf-8")


def test_a_colleague_says_what_is_wrong_and_why_and_lends_better_words(chromium, room):
    """The mark in the gutter, the words underlined, a sentence with its reason; mended, the colleague is content."""
    with browser_rig.page(chromium) as page:
        words = write(page, room)
        page.locator("#checks-state", has_text="nothing to mend").wait_for()
        type_after(page, words, WRONG)
        finding = page.locator(".finding", has_text="No inconvenience").first
        finding.wait_for()

        assert finding.locator(".why").inner_text().strip() != ""
        assert page.locator(".cm-lint-marker-error").count() >= 1
        assert any("inconvenience" in one for one in page.locator(".cm-lintRange-error").all_inner_texts())
        before = text_of(words)
        finding.get_by_role("button", name="Line").click()
        page.keyboard.press("F8")
        offered = page.locator(".finding:has(button.use)").first
        better = offered.locator("q").inner_text()
        offered.get_by_role("button", name="Use these words").click()
        eventually(lambda: better in text_of(words) != before)
        page.keyboard.press("Control+z")
        for _ in WRONG:
            page.keyboard.press("Control+z")
        eventually(lambda: page.locator(".finding").count() == 0)
        assert SENTENCE in text_of(words)
        assert WRONG not in text_of(words)


def test_half_a_tag_is_waited_for_and_a_wrong_one_is_told_with_its_line(chromium, room):
    """The mail as it was stays in sight, and comes back to life when the tag is right."""
    with browser_rig.page(chromium) as page:
        words = write(page, room)
        type_after(page, words, " {{ order.number }}")
        page.locator("#seen-trouble").wait_for()

        assert "order.number" in page.locator("#seen-trouble").inner_text()
        assert page.locator("#seen-trouble").inner_text().startswith("Line ")
        assert SENTENCE in mail(page)
        for _ in "number }}":
            page.keyboard.press("Backspace")
        page.keyboard.type("id }}")
        page.locator("#seen-trouble").wait_for(state="hidden")
        eventually(lambda: f"{SENTENCE} ORD-" in mail(page))


def test_names_are_offered_and_written_out(chromium, room):
    """While one types in braces, and from a list for those who do not know the braces."""
    with browser_rig.page(chromium) as page:
        words = write(page, room)
        type_after(page, words, " {{ order.i")
        page.locator(".cm-tooltip-autocomplete li", has_text="order.id").wait_for()
        page.wait_for_timeout(100)  # the editor takes no Enter for the first 75: it may be meant for the text
        page.keyboard.press("Enter")
        page.keyboard.type(" it was.")
        eventually(lambda: f"{SENTENCE} {{{{ order.id }}}} it was." in text_of(words))
        page.get_by_role("button", name="Insert").click()
        page.get_by_placeholder("What do you want to say?").fill("who signs")
        page.keyboard.press("Enter")

        eventually(lambda: "it was.{{ brand.human }}" in text_of(words))


def test_a_mail_is_looked_at_on_every_device_and_in_every_light(chromium, room):
    """Desktop, phone, text; dark, forced dark, no images; every sample. Nothing in the frame can run or lead away."""
    with browser_rig.page(chromium) as page:
        write(page, room)
        front = page.locator(".sheet iframe:not(.behind)")
        widths = {}
        for device in ("Phone", "Desktop"):
            page.get_by_label(device, exact=True).check()
            widths[device] = front.evaluate("frame => frame.contentWindow.innerWidth")
        papers = {}
        for look in ("Light", "Dark", "Forced dark", "No images"):
            so_far = len(shown(page))
            page.get_by_label(look, exact=True).check()
            eventually(lambda since=so_far, same=look == "Light": same or len(shown(page)) > since)
            papers[look] = front.evaluate(
                "frame => getComputedStyle(frame.contentDocument.body).backgroundColor"
            )
        page.get_by_label("Text", exact=True).check()
        plain = page.locator("#seen-text").inner_text()
        page.get_by_label("Desktop", exact=True).check()
        page.locator("#sample").select_option("sample:worst")
        eventually(lambda: "Oak reading lamp" not in mail(page))

        assert widths == {"Phone": 375, "Desktop": 680}
        assert papers["Dark"] != papers["Light"] == papers["No images"]
        assert SENTENCE in plain
        assert {one.get_attribute("sandbox") for one in page.locator("iframe").all()} == {"allow-same-origin"}


def test_nothing_in_the_frame_leads_away(chromium, room):
    """A link of the mail is looked at and not followed."""
    with browser_rig.page(chromium) as page:
        write(page, room, "/messages/return_follow_up?locale=en")
        page.frame_locator(".sheet iframe:not(.behind)").locator("a").first.click()
        front = page.locator(".sheet iframe:not(.behind)")

        assert front.evaluate("frame => frame.contentWindow.location.pathname").startswith("/preview/")
        assert page.url.endswith("/messages/return_follow_up?locale=en")


def test_a_click_on_a_sentence_of_the_mail_leads_to_its_words(chromium, room):
    """Who reads the mail and finds something need not look for it in the file."""
    with browser_rig.page(chromium) as page:
        write(page, room)
        page.frame_locator(".sheet iframe:not(.behind)").get_by_text(SENTENCE).click()

        eventually(lambda: SENTENCE in page.evaluate("getSelection().toString()"))


def test_two_people_save_the_same_file_and_neither_loses_a_word(chromium, own, axe):
    """The second is shown both texts, chooses at each difference, and what was chosen is what is saved."""
    with (
        studio(own, come_in=False) as room,
        browser_rig.page(chromium) as hers,
        browser_rig.page(chromium) as his,
    ):
        her_words, his_words = write(hers, room), write(his, room)
        type_after(his, his_words, " His words.")
        type_after(
            hers,
            her_words,
            " Her words.",
            "If the first parcel turns up after all, you will not be charged for it.",
        )
        hers.keyboard.press("Control+s")
        eventually(lambda: hers.locator("#state").inner_text() == "Saved")
        eventually(lambda: his.locator("#state").inner_text() == "Somebody else saved")
        his.keyboard.press("Control+s")
        his.get_by_role("heading", name="Somebody else saved this file while you were writing").wait_for()
        his.get_by_text("They differ in 2 places.").wait_for()
        assert browser_rig.judge(his, axe) == []

        assert "His words." not in (own / "lost/en.md").read_text("utf-8")
        theirs = his.locator("#conflict .cm-deletedChunk", has_text="Her words.")
        theirs.get_by_role("button", name="Take theirs").click()
        his.get_by_text("They differ in one place.").wait_for()
        his.get_by_role("button", name="Save this").click()
        eventually(lambda: his.locator("#state").inner_text() == "Saved")
        eventually(lambda: "His words." in text_of(her_words))
    both = (own / "lost/en.md").read_text("utf-8")
    assert (both.count("His words."), both.count("Her words.")) == (1, 1)


def test_words_saved_by_another_editor_appear_by_themselves(chromium, own):
    """Nobody has to reload; the cursor stays where it was."""
    with studio(own, come_in=False) as room, browser_rig.page(chromium) as page:
        words = write(page, room)
        page.keyboard.press("Escape")
        text = (SHIPPED / "lost/en.md").read_text("utf-8")
        (own / "lost").mkdir()
        (own / "lost/en.md").write_text(
            text.replace(SENTENCE, "The parcel is gone, and we know it."), "utf-8"
        )

        eventually(lambda: "The parcel is gone" in mail(page))
        assert "The parcel is gone" in text_of(words)
        assert page.locator("#state").inner_text() == "Saved"


def test_a_translator_reads_one_language_and_writes_another(chromium, room):
    """The paragraph that is being written is marked in the language beside it."""
    with browser_rig.page(chromium) as page:
        words = write(page, room, "/messages/lost?locale=pt_BR&beside=en")
        reading = page.locator("#beside-words .cm-content")
        line = words.locator(".cm-line", has_text="{{ greeting }}")
        line.click()

        assert reading.locator(".cm-twin").all_inner_texts() == ["{{ greeting }}"]
        assert "We have lost your parcel" in reading.inner_text()
        page.keyboard.type("x")
        assert "xx" not in reading.inner_text()


def test_a_language_that_nobody_has_written_yet_begins_as_english(chromium, own):
    """Nothing lies in the folder before somebody saves, and the file is the shop's own."""
    (own / "_phrases").mkdir()
    shutil.copy(SHIPPED / "_phrases/es.toml", own / "_phrases/it.toml")
    with studio(own, come_in=False) as room, browser_rig.page(chromium) as page:
        words = write(page, room, "/messages/lost?locale=it")
        page.get_by_role("status").filter(has_text="There are no words in Italian yet.").wait_for()
        assert SENTENCE in mail(page)
        assert list(own.rglob("*.md")) == []
        type_after(page, words, " Ciao.")
        page.keyboard.press("Control+s")
        eventually(lambda: page.locator("#state").inner_text() == "Saved")
    assert f"{SENTENCE} Ciao." in (own / "lost/it.md").read_text("utf-8")


def test_a_test_mail_reaches_a_real_mailbox_and_nobody_else(chromium, own):
    """What is on the page goes out, marked, to an address that is allowed; any other address is refused with the way out."""
    with (
        MailReceiver() as relay,
        studio(
            own,
            "--mail",
            f"smtp://127.0.0.1:{relay.port}?tls=none",
            come_in=False,
            FIRSTWORD_TEST_RECIPIENTS="@example.com",
        ) as room,
        browser_rig.page(chromium) as page,
    ):
        words = write(page, room)
        type_after(page, words, " Only on this page.")
        page.get_by_role("button", name="Send a test").click()
        page.get_by_label("To", exact=True).fill("somebody@example.net")
        page.keyboard.press("Enter")
        page.locator("#trial-done .note.bad").wait_for()

        assert relay.mailbox == []
        assert "FIRSTWORD_TEST_RECIPIENTS" in page.locator("#trial-done").inner_text()
        page.get_by_label("To", exact=True).fill("ines@example.com")
        page.get_by_role("button", name="Send the test").click()
        page.locator("#trial-done .note.good").wait_for()
    (raw,) = relay.mailbox
    sent = email.message_from_bytes(raw, policy=email.policy.default)
    assert sent["To"].addresses[0].addr_spec == "ines@example.com"
    assert sent["Subject"].startswith("[TEST] We have lost your order")
    assert "Only on this page." in sent.get_body(("plain",)).get_content()
    assert list(own.rglob("*.md")) == []


def test_mails_are_compared_and_accepted(chromium, own):
    """What differs is read as a letter; accepting writes it down, and then nothing differs."""
    with studio(own, come_in=False) as room, browser_rig.page(chromium) as page:
        words = write(page, room)
        type_after(page, words, " That is on us.")
        page.keyboard.press("Control+s")
        eventually(lambda: page.locator("#state").inner_text() == "Saved")
        page.get_by_role("button", name="Compare").click()
        page.locator("#compare ins", has_text="That is on us.").first.wait_for()
        page.get_by_role("button", name="Accept the mails as they are now").click()
        page.locator("#compare-done", has_text="Accepted").wait_for()
        page.get_by_role("button", name="Close").first.click()
        page.get_by_role("button", name="Compare").click()
        page.get_by_text("The text of the mail is the accepted one.").wait_for()
    assert "That is on us." in (own / "lost/expected/typical.en.txt").read_text("utf-8")


def test_older_words_are_brought_back_from_git(chromium, own):
    """History is that of the folder, when it is kept in git; nothing is saved before somebody says so."""
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    (own / "lost").mkdir()
    file = own / "lost/en.md"
    first = (SHIPPED / "lost/en.md").read_text("utf-8")
    git(own, "init", "--quiet")
    for subject, text in (
        ("the first words", first),
        ("other words", first.replace(SENTENCE, "It is gone.")),
    ):
        file.write_text(text, "utf-8")
        git(own, "add", ".")
        git(
            own,
            "-c",
            "user.name=Ada Okoye",
            "-c",
            "user.email=ada@example.com",
            "commit",
            "--quiet",
            "-m",
            subject,
        )
    with studio(own, come_in=False) as room, browser_rig.page(chromium) as page:
        words = write(page, room)
        assert SENTENCE not in text_of(words)
        page.get_by_role("button", name="History").click()
        page.get_by_role("button", name="the first words").click()
        page.locator("#history-body .diff").wait_for()
        page.get_by_role("button", name="Bring these words back").click()

        eventually(lambda: SENTENCE in text_of(words))
        eventually(lambda: SENTENCE in mail(page))
        assert SENTENCE not in file.read_text("utf-8")


def git(folder, *arguments):
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def test_everything_is_done_from_the_keyboard(chromium, own):
    """From the list into the words, out of them again, to the tools and into the mail, and saved: no mouse."""
    with studio(own, come_in=False) as room, browser_rig.page(chromium) as page:
        enter(page, room)
        page.keyboard.press("/")
        page.keyboard.type("believed at once")
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        words = page.locator("#words .cm-content")
        words.wait_for()
        reach(page, "#words .cm-content")
        page.keyboard.press("Control+End")
        page.keyboard.type("\n\nWe are here.")
        reach(page, "[name=device]")
        page.keyboard.press("ArrowRight")
        reach(page, "#stage")
        page.keyboard.press("Control+s")

        eventually(lambda: page.locator("#state").inner_text() == "Saved")
        assert page.locator("[name=device]:checked").get_attribute("value") == "phone"
    assert (own / "lost/en.md").read_text("utf-8").rstrip().endswith("We are here.")


def reach(page, selector, steps=60):
    for _ in range(steps):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never came to {selector}")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_and_dialogs_are_fit_for_everybody(chromium, room, axe, width, scheme):
    """No finding of axe, and nothing is wider than the screen."""
    found = {}
    with browser_rig.page(chromium, width=width, scheme=scheme) as page:

        def look(name):
            found[name] = browser_rig.judge(page, axe)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found[name].append("wider than the screen")

        enter(page, room)
        eventually(lambda: page.get_by_text("reading…").count() == 0, READING)
        look("list")
        enter(page, room, "/messages/nobody")
        look("nowhere")
        words = write(page, room, "/messages/lost?locale=pt_BR&beside=en")
        look("beside")
        words = write(page, room)
        type_after(page, words, WRONG)
        page.locator(".cm-lint-marker").first.wait_for()
        look("words")
        for panel in ("checks", "seen"):
            if width < 960:
                page.locator(f"[data-panel-of={panel}]").click()
                look(panel)
        if width < 960:
            page.locator("[data-panel-of=words]").click()
        for dialog, button in (
            ("names", "#insert"),
            ("compare", "#compare-open"),
            ("history", "#history-open"),
            ("trial", "#trial-open"),
        ):
            page.locator(button).click()
            page.locator(f"#{dialog}[open]").wait_for()
            look(dialog)
            page.keyboard.press("Escape")
        type_after(page, words, " {{ order.i")
        page.locator(".cm-tooltip-autocomplete").wait_for()
        look("offers")
        page.keyboard.press("Escape")
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.benchmark
def test_how_long_a_sentence_takes_to_be_seen(chromium, own, capsys):
    """Prints the time from a key, and from a save of another editor, to the mail on the screen; fails by none of them."""
    with studio(own, come_in=False) as room, browser_rig.page(chromium) as page:
        words = write(page, room)
        so_far = len(shown(page))
        type_after(page, words, " ")
        eventually(lambda since=so_far: len(shown(page)) > since)
        for key in "abcdefghijklmno"[:ROUNDS]:
            so_far = len(shown(page))
            page.keyboard.type(key)
            eventually(lambda since=so_far: len(shown(page)) > since)
        typed = shown(page)[-ROUNDS:]
        steps = page.evaluate(STEPS)
        page.keyboard.press("Control+s")
        eventually(lambda: page.locator("#state").inner_text() == "Saved")
        saved, file = [], own / "lost/en.md"
        text = file.read_text("utf-8")
        for number in range(ROUNDS):
            so_far = len(shown(page))
            file.write_text(text.replace(SENTENCE, f"{SENTENCE} {number}"), "utf-8")
            written = file.stat().st_mtime * 1000
            eventually(lambda since=so_far: len(shown(page)) > since)
            saved.append(page.evaluate(ENDED) - written)
    with capsys.disabled():
        print("\n  one key, step by step:", steps)
        print(f"  key to mail on the screen: {told(typed)}")
        print(f"  save by another editor to mail on the screen: {told(saved)}")
    assert len(typed) == len(saved) == ROUNDS


def told(times):
    ordered = sorted(times)
    return f"median {statistics.median(ordered):.0f} ms, 9 of 10 within {ordered[int(len(ordered) * 0.9)]:.0f} ms"
