"""Finds the folders that are not code: an override, the checkout beside the package, or the wheel."""

from __future__ import annotations

from pathlib import Path

from streams.problems import UsageProblem, WorldProblem

_PACKAGE = Path(__file__).resolve().parent


def templates_dir(override: Path | None = None) -> Path:
    """Return the folder of the words and the frame.

    Raises:
        UsageProblem: the override is not a folder.
        WorldProblem: neither checkout nor wheel has one.
    """
    return _find("templates", "_layout", override)


def schemas_dir(override: Path | None = None) -> Path:
    """Return the folder of the published schemas.

    Raises:
        UsageProblem: the override is not a folder.
        WorldProblem: neither checkout nor wheel has one.
    """
    return _find("schemas", "envelope.v1.json", override)


def _find(name: str, landmark: str, override: Path | None) -> Path:
    """Look beside the package first: an editable install must show the files that are being edited.

    ``landmark`` is a file or folder that only ours has, so that a stranger's ``site-packages/templates``
    is never taken for it.
    """
    if override is not None:
        if not override.is_dir():
            raise UsageProblem(
                f"{name}-not-a-folder",
                f"{override} is not a folder",
                where=str(override),
                why=f"the {name} were asked for from there",
                hint="name an existing folder, or leave the setting out to use the built-in one",
            )
        return override
    places = (_PACKAGE.parent / name, _PACKAGE / "_assets" / name)
    for place in places:
        if (place / landmark).exists():
            return place
    raise WorldProblem(
        f"{name}-not-found",
        f"the {name} folder is missing from this installation",
        where=" and ".join(str(place) for place in places),
        why=f"neither holds {landmark}",
        hint="reinstall firstword, or name a folder of your own",
    )
