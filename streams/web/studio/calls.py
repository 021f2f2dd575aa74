"""How pages ask the studio: JSON in, JSON out, and every problem in the same shape."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from streams.problems import InputProblem, Problem, TemplateProblem, UsageProblem, WorldProblem
from streams.web.studio.door import Refused
from streams.web.studio.folder import Conflict

_T = TypeVar("_T")
_NOT_THERE: Final = frozenset(
    {"studio-file-unknown", "studio-case-unknown", "studio-page-unknown", "studio-version-unknown"}
)
_NO_SUCH: Final = frozenset({"template-missing"})
_NOT_ALLOWED: Final = frozenset({"test-recipient-not-allowed"})
_UNFIT: Final = frozenset({"studio-text-unfit"})


def answer(content: Any, status: int = 200) -> web.Response:
    """Return an answer as JSON."""
    return web.Response(body=msgspec.json.encode(content), content_type="application/json", status=status)


async def asked(request: web.Request, kind: type[_T]) -> _T:
    """Return what a page has sent.

    Raises:
        InputProblem: ``studio-request-wrong``: it is not JSON of this shape.
    """
    if request.content_type != "application/json":
        raise _wrong(f"it is {request.content_type}, and not application/json")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _wrong(str(error)) from error


def refuse(problem: Problem, status: int | None = None) -> web.Response:
    """Return a problem as JSON; a conflict brings what the file holds now."""
    if isinstance(problem, Conflict):
        theirs = problem.theirs
        said = {"code": problem.code, "text": theirs.text, "mark": theirs.mark, "problem": problem.told()}
        return answer(said, 409)
    return answer({"problem": problem.told()}, status or status_of(problem))


def status_of(problem: Problem) -> int:
    """Return the status that says the same as the problem."""
    if problem.code in _NOT_THERE or problem.code in _NO_SUCH:
        return 404
    if isinstance(problem, Refused) or problem.code in _NOT_ALLOWED:
        return 403
    if isinstance(problem, TemplateProblem) or problem.code in _UNFIT:
        return 422
    if isinstance(problem, WorldProblem):
        return 503
    return 400 if isinstance(problem, InputProblem | UsageProblem) else 500


def _wrong(why: str) -> InputProblem:
    return InputProblem(
        "studio-request-wrong",
        "the studio cannot read what this page has sent",
        why=why,
        hint="load the page again: it may be of another version",
    )
