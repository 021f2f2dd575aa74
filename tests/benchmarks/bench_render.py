"""Letters to words and frame, beside the compiled templates filled with names that were made before."""

from __future__ import annotations

from collections.abc import Iterator

from streams.assets import templates_dir
from streams.templating import sandbox
from streams.templating.renderer import CatalogueRenderer
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside, lap


def rows() -> Iterator[Row]:
    """Every mail of the month: four templates each."""
    letters = month.letters()
    renderer = CatalogueRenderer.from_folder(templates_dir())
    prepared = _prepared(renderer, letters)

    def ours():
        for message in letters:  # each mail is let go at once, as the sender does
            renderer.render(message)

    def floor():
        for template, names in prepared:
            sandbox.fill(template, names)

    yield beside(
        "render",
        "mails",
        lap(ours, len(letters)),
        lap(floor, len(letters)),
        floor_name="the templates alone",
    )


def _prepared(renderer, letters):
    """Return every template with its names, as the renderer filled them."""
    seen = []
    pieces = sandbox.pieces

    def watch(template, names):
        seen.append((template, dict(names)))
        return pieces(template, names)

    sandbox.pieces = watch
    try:
        for message in letters:
            renderer.render(message)
    finally:
        sandbox.pieces = pieces
    return seen
