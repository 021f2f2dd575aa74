"""One mail, seen in four ways."""

import pytest

from streams.templating.views import VIEWS, view

MAIL = (
    "<html><head><style>@media (prefers-color-scheme: dark) { p { color: #eee } }</style></head>"
    '<body background="https://shop.example.com/b.png" style="background:url(c.png)">'
    '<p>Words</p><img alt="A lamp" src="https://shop.example.com/a.png"></body></html>'
)


def test_every_view_keeps_the_words():
    for name in VIEWS:
        assert "<p>Words</p>" in view(MAIL, name)


def test_dark_follows_the_colors_that_we_chose():
    """Whatever the reader's own system prefers, the dark colors are on, and off in every other view."""
    assert "@media all { p" in view(MAIL, "dark")
    assert all("@media not all { p" in view(MAIL, name) for name in VIEWS if name != "dark")


def test_forced_dark_turns_the_page_and_not_the_images():
    seen = view(MAIL, "forced_dark")

    assert "html{background:#fff;filter:invert(1)" in seen
    assert seen.index("invert") < seen.index("</head>")


def test_without_images_the_text_for_them_remains():
    seen = view(MAIL, "images_off")

    assert ("a.png" in seen, "b.png" in seen, "c.png" in seen) == (False, False, False)
    assert 'alt="A lamp"' in seen


def test_an_unknown_view_is_refused():
    with pytest.raises(KeyError):
        view(MAIL, "sepia")


def test_a_mail_without_a_head_is_seen_too():
    assert view("<p>Words</p>", "forced_dark").endswith("</style><p>Words</p>")
