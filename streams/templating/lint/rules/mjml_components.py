"""Frame and parts are made of MJML that there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.problems import TemplateProblem
from streams.templating.catalogue import Catalogue, Message
from streams.templating.lint.finding import Found, Quiet
from streams.templating.mjml_list import faults_in


class MjmlComponents(Quiet):
    """Every component, attribute, place and value is looked up in MJML's own list, less what mrml leaves out.

    The compiler refuses the first fault in what a message uses; this lists all of them, in parts that no
    message calls too.
    """

    why = "the engine leaves out what it does not know, without a word"
    source = "mjml-preset-core 5.4.1; what mrml 0.2.4 leaves out was measured"

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Read every file of the frame and every part."""
        for place, source in _files(catalogue):
            try:
                faults = faults_in(source, place)
            except TemplateProblem:
                continue  # the message that uses it cannot be rendered, and says so
            for fault in faults:
                yield Found(f"{place}:{fault.line}", fault.says, fault.hint)


def _files(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for name, source in catalogue.frame.items():
        if name.endswith(".mjml"):
            yield catalogue.place(f"_layout/{name}"), source
    for part in catalogue.parts.values():
        yield catalogue.place(f"_parts/{part.name}.mjml"), part.mjml


RULE = MjmlComponents()
