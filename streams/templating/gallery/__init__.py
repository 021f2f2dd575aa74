"""All mails on one page, for whoever wants to look at every word that can leave the house before it does.

The page is a folder that needs nothing else: ``index.html`` and one file per mail and view. It works
without a script, which only chooses what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from streams.pipeline.ports import RenderedMail
from streams.problems import TemplateProblem
from streams.templating.catalogue import Catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample
from streams.templating.views import view

_HERE: Final = Path(__file__).parent
# The other two are what a browser can do to a frame by itself: turn it, or narrow it.
WRITTEN_VIEWS: Final = ("light", "dark")
Wanted = Callable[[str, str, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One message in one locale for one sample customer; without a mail, ``problem`` says why."""

    message: str
    locale: str
    sample: str
    mail: RenderedMail | None
    problem: TemplateProblem | None = None

    @property
    def name(self) -> str:
        """Return what its files are called, without the view."""
        return f"{self.message}.{self.locale}.{self.sample}"


def hang(catalogue: Catalogue, wanted: Wanted = lambda *_: True) -> Iterator[Picture]:
    """Yield every message x locale x sample that is ``wanted`` (message, locale, sample), rendered."""
    renderer = CatalogueRenderer(catalogue)
    for message in catalogue.messages.values():
        for locale in sorted(message.words, key=lambda locale: (locale != "en", locale)):
            for path in message.samples():
                if wanted(message.name, locale, path.stem):
                    yield _picture(renderer, message.name, locale, path)


def _picture(renderer: CatalogueRenderer, message: str, locale: str, path: Path) -> Picture:
    try:
        mail = renderer.render(read_sample(path, message, locale))
    except TemplateProblem as problem:
        return Picture(message=message, locale=locale, sample=path.stem, mail=None, problem=problem)
    return Picture(message=message, locale=locale, sample=path.stem, mail=mail)


def pages(picture: Picture) -> Iterator[tuple[str, str]]:
    """Yield the files of a picture: path below the folder, and what is in it."""
    if picture.mail is not None:
        for name in WRITTEN_VIEWS:
            yield f"mails/{picture.name}.{name}.html", view(picture.mail.page, name)


def index(catalogue: Catalogue, pictures: list[Picture]) -> str:
    """Return the page that shows them all."""
    room = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    by_message: dict[str, list[Picture]] = {}
    for picture in pictures:
        by_message.setdefault(picture.message, []).append(picture)
    return room.get_template("page.html").render(
        shop=catalogue.brand.name,
        sender=catalogue.brand.from_header,
        messages=[(catalogue.messages[name], hung) for name, hung in by_message.items()],
        locales=list(dict.fromkeys(picture.locale for picture in pictures)),
        samples=list(dict.fromkeys(picture.sample for picture in pictures)),
        count=len(pictures),
        broken=sum(picture.mail is None for picture in pictures),
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        script=(_HERE / "page.js").read_text(encoding="utf-8"),
    )
