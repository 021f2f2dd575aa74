"""What a new plug-in of each sort consists of, where it goes, and what its author does next."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import msgspec

import streams
from streams.cli.output import unwritable
from streams.problems import UsageProblem

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 40  # letters: names stand in tables, metrics and file names
_ENDING = ".txt"  # of a skeleton's files, so that no tool takes them for code


class Sort(msgspec.Struct, frozen=True, kw_only=True):
    """One sort of plug-in: where its folders are, and the next steps."""

    folder: str
    steps: tuple[str, ...]


SORTS: Mapping[str, Sort] = {
    "detector": Sort(
        folder="streams/core/detectors",
        steps=(
            "write what it sees into $folder/detector.py, beginning with the docstrings",
            "tell the stories in $folder/cases.toml, then: pytest tests/cases/test_plugin_cases.py -k $name",
            "say in the policy what follows: [respond.$name], and its place in notify.priority",
            "the kind is a new word of the public schemas: python -m streams.codec.schemas write",
        ),
    ),
    "remedy": Sort(
        folder="streams/core/remedies",
        steps=(
            "write what is offered into $folder/remedy.py, and its amounts",
            "tell the stories in $folder/cases.toml, then: pytest tests/cases/test_plugin_cases.py -k $name",
            'let something ask for it: remedies = ["apology", "$name"] below a [respond...] of the policy',
        ),
    ),
    "template": Sort(
        folder="templates",
        steps=(
            "write the purpose into $folder/message.toml and the words into en.md and pt_BR.md",
            "firstword templates render $name, then firstword templates lint $name",
            "read expected/ as a customer would, and accept changes with: make accept",
            'let something send it: message = "$name" below a [respond...] of the policy',
        ),
    ),
    "source": Sort(
        folder="streams/sources",
        steps=(
            "put real payloads without real people into $folder/samples",
            "translate them in $folder/adapter.py; refusals need a code and a hint",
            "tell the stories in $folder/cases.toml, then: pytest tests/cases/test_source_cases.py -k $name",
            "explain the code $code-unrecognized in streams/cli/explain/codes.toml",
            "firstword run --data try --source $name=PATH --clock history",
        ),
    ),
    "label": Sort(
        folder="streams/labels",
        steps=(
            "ask the carrier in $folder/provider.py; the same request must never buy twice",
            "tell the stories in $folder/cases.toml, then: pytest tests/cases/test_label_cases.py -k $name",
            "use it: FIRSTWORD_LABEL_PROVIDER=$name",
        ),
    ),
}


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, what was changed, and what comes next."""

    files: tuple[str, ...]
    changed: tuple[str, ...]
    steps: tuple[str, ...]


def plant(sort: str, name: str, into: Path | None) -> Planted:
    """Write the skeleton of a plug-in.

    Raises:
        UsageProblem: the name cannot be one or is taken, or there is no checkout and no ``into``.
        WorldProblem: the folder cannot be written.
    """
    _check_name(name)
    root = checkout() if into is None else None
    folder = (root / SORTS[sort].folder if root is not None else into or Path()) / name
    if folder.exists():
        raise UsageProblem(
            "plugin-exists",
            f"there is something called {name} already",
            where=str(folder),
            hint="choose another name, or edit what is there",
        )
    words = _words(name, folder)
    written = tuple(_write(folder, sort, words))
    if sort == "template":
        written += _accept(folder)
    changed = (_add_kind(root, name),) if sort == "detector" and root is not None else ()
    steps = [Template(step).safe_substitute(words) for step in SORTS[sort].steps]
    if root is None:
        steps.insert(0, f"move {folder} to {SORTS[sort].folder}/{name} in a checkout")
        if sort == "detector":
            steps.insert(1, f'add "{name}" to Kind in streams/core/events.py')
    return Planted(files=written, changed=tuple(one for one in changed if one), steps=tuple(steps))


def checkout() -> Path:
    """Return the root of the source tree that this program runs from.

    Raises:
        UsageProblem: it was installed without one.
    """
    root = Path(streams.__file__).resolve().parent.parent
    if (root / "pyproject.toml").is_file() and (root / "templates").is_dir():
        return root
    raise UsageProblem(
        "checkout-needed",
        "a plug-in is a folder in the source tree, and this installation has none",
        where=str(root),
        hint="run it in a checkout, or say with --into where the folder goes",
    )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or keyword.iskeyword(name):
        raise UsageProblem(
            "plugin-name",
            f"{name!r} cannot name a plug-in",
            why=f"a name has at most {_LONGEST} small letters, digits and _, and begins with a letter",
            hint="write it like customs_hold",
        )


def _words(name: str, folder: Path) -> dict[str, str]:
    spoken = name.replace("_", " ")
    return {
        "name": name,
        "code": name.replace("_", "-"),
        "words": spoken,
        "Words": spoken.capitalize(),
        "Class": "".join(part.capitalize() for part in name.split("_")),
        "folder": str(folder),
    }


def _write(folder: Path, sort: str, words: Mapping[str, str]) -> Iterator[str]:
    for place, skeleton in _skeletons(files("streams.cli.new").joinpath("skeletons", sort), ""):
        path = folder / place.removesuffix(_ENDING)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(skeleton.read_text("utf-8")).safe_substitute(words), "utf-8")
        except OSError as error:
            raise unwritable(path, error) from error
        yield str(path)


def _skeletons(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _skeletons(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_ENDING):
            yield prefix + entry.name, entry


def _accept(folder: Path) -> tuple[str, ...]:
    """Accept the renderings of a new message as they are: its author reads them when they change."""
    from streams.assets import templates_dir
    from streams.templating.catalogue import load_catalogue
    from streams.templating.goldens import accept
    from streams.templating.renderer import CatalogueRenderer

    catalogue = load_catalogue(templates_dir(), folder.parent)
    return tuple(str(path) for path in accept(CatalogueRenderer(catalogue), catalogue.message(folder.name)))


def _add_kind(root: Path, name: str) -> str:
    """Add a word to the kinds, which are listed once; return the file, or nothing when it is there already."""
    path = root / "streams" / "core" / "events.py"
    text = path.read_text("utf-8")
    begin = text.index("Kind = Literal[")
    end = text.index("]", begin)
    if f'"{name}"' in text[begin:end]:
        return ""
    path.write_text(f'{text[:end]}    "{name}",\n{text[end:]}', "utf-8")
    return str(path)
