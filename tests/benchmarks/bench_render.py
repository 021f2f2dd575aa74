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
    yield beside(
        "render",
        "mails",
        lap(lambda: [renderer.render(message) for message in letters], len(letters)),
        lap(lambda: [template.render(names) for template, names in prepared], len(letters)),
        floor_name="the templates alone",
    )


def _prepared(renderer, letters):
    """Return every template with its names, as the renderer filled them."""
    seen = []
    fill = sandbox.fill

    def watch(template, names):
        seen.append((template, names))
        return fill(template, names)

    sandbox.fill = watch
    try:
        for message in letters:
            renderer.render(message)
    finally:
        sandbox.fill = fill
    return seen
