"""The shop's picture travels inside the mail: nothing is fetched, and a mail without one is as it was."""

from __future__ import annotations

import struct
import zlib
from email import message_from_bytes, policy

import msgspec
import pytest

from streams.assets import templates_dir
from streams.clock import wall_now
from streams.mail.compose import compose
from streams.mail.trial import inert
from streams.problems import TemplateProblem
from streams.templating.catalogue import load_catalogue
from streams.templating.lint import lint
from streams.templating.logo import LARGEST
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample
from streams.templating.versions import pack, unpack
from streams.templating.views import view
from streams.wiring import identity_of

ALT = 'Lamps & "more"'


def png(width=320, height=80, *, noise=b""):
    """A green picture, as small as they come."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    rows = (b"\0" + b"\x1c\x5f\x48" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    texts = chunk(b"tEXt", b"k\0" + noise) if noise else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + texts
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.fixture
def shop(tmp_path):
    """A folder of the shop's own with a brand that wants a logo, and the logo."""
    brand = (templates_dir() / "brand.toml").read_text("utf-8")
    (tmp_path / "brand.toml").write_text(f"{brand}\n[logo]\nalt = '{ALT}'\nwidth = 160\n")
    (tmp_path / "logo.png").write_bytes(png())
    return tmp_path


def rendered(shop, name="lost"):
    catalogue = load_catalogue(templates_dir(), shop)
    renderer = CatalogueRenderer(catalogue)
    queued = read_sample(templates_dir() / name / "samples" / "typical.json", name, "en")
    return catalogue, queued, renderer.render(queued)


def test_the_logo_travels_inside_the_mail(shop):
    """As a picture of the page, under an id that says what it shows; the words for it are the writer's."""
    catalogue, queued, mail = rendered(shop)
    content = compose(
        queued,
        mail,
        (),
        identity=identity_of(catalogue.brand),
        to="a@example.org",
        first_subject=None,
        date=wall_now(),
    )
    parsed = message_from_bytes(content, policy=policy.default)

    text, related = parsed.iter_parts()
    page, picture = related.iter_parts()
    assert [part.get_content_type() for part in (parsed, text, related)] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
    ]
    assert picture.get_payload(decode=True) == png()
    assert (picture.get_content_type(), picture.get_content_disposition()) == ("image/png", "inline")
    html = page.get_content()
    assert f'src="cid:{picture["Content-ID"][1:-1]}"' in html
    assert 'alt="Lamps &amp; &quot;more&quot;"' in html
    assert 'width="160"' in html
    assert parsed.defects == related.defects == []


def test_a_browser_sees_it_and_without_images_reads_its_words(shop):
    *_, mail = rendered(shop)

    assert "cid:" not in mail.page
    assert "data:image/png;base64,iVBOR" in view(mail.page, "light")
    unseen = view(mail.page, "images_off")
    assert "data:image" not in unseen
    assert 'alt="Lamps' in unseen


def test_a_test_mail_carries_it_too(shop):
    *_, mail = rendered(shop)

    assert inert(mail).images == mail.images
    assert f"cid:{mail.images[0].content_id}" in inert(mail).html


def test_no_rule_has_anything_to_say_about_it(shop):
    assert lint(load_catalogue(templates_dir(), shop), only=lambda name: name == "lost") == []


def test_another_picture_is_another_version(shop):
    """A mail in a thread shows the logo that it was sent with."""
    catalogue, _, before = rendered(shop)
    parcel = pack(catalogue, catalogue.message("lost"), "engine")
    version = catalogue.version(catalogue.message("lost"), "engine")
    (shop / "logo.png").write_bytes(png(330))
    *_, after = rendered(shop)

    assert before.template_version != after.template_version
    assert before.images[0].content_id != after.images[0].content_id
    assert unpack("lost", version, parcel).logo == before.images[0]


def test_without_a_logo_a_mail_says_nothing_of_pictures():
    _, _, mail = rendered(None)

    assert mail.images == ()
    assert b"images" not in msgspec.json.encode(mail)
    assert "<img" not in mail.html


@pytest.mark.parametrize(
    "content",
    [None, b"", b"GIF89a" + bytes(40), png()[:20], png(0), png(noise=b"x" * LARGEST)],
    ids=["none", "empty", "gif", "cut", "no width", "too large"],
)
def test_a_logo_that_no_mail_could_show_is_refused(shop, content):
    (shop / "logo.png").unlink()
    if content is not None:
        (shop / "logo.png").write_bytes(content)

    with pytest.raises(TemplateProblem) as met:
        load_catalogue(templates_dir(), shop)

    assert met.value.code == "template-logo"
