"""Policies side by side over one history: run one, read what was run."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from aiohttp import web

from streams import telemetry
from streams.problems import InputProblem
from streams.web.page import read_form, see, show
from streams.web.ports import Variant
from streams.web.room import room_of, visitor_of
from streams.web.security import needs

ROWS: Final = 3  # variants beside today's policy: four columns are what a person compares
REPORT_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; form-action 'none'; sandbox"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")
_CHANGE: Final = re.compile(r"[A-Za-z0-9_.]{1,120}=[^\s=][^=\n]{0,200}")


@needs("reader")
async def list_backtests(request: web.Request) -> web.Response:
    """Show the backtests that were run, and a form for another."""
    reports = await room_of(request).do(lambda deeds: deeds.reports())
    running = any(one.state == "running" for one in reports)
    return await show(request, "backtests", reports=reports, running=running, rows=range(1, ROWS + 1))


@needs("operator")
async def ask(request: web.Request) -> web.Response:
    """Start a backtest."""
    form = await read_form(request)
    variants, until, by = _variants(form), _until(form), visitor_of(request).name
    await room_of(request).do(lambda deeds: deeds.backtest(variants, until=until, by=by))
    telemetry.console_used(deed="backtest", order_id="")
    raise see("/backtests", done="asked")


@needs("reader")
async def show_report(request: web.Request) -> web.Response:
    """Show a report in its frame, with the way back."""
    name = request.query.get("name", "")
    reports = await room_of(request).do(lambda deeds: deeds.reports())
    report = next((one for one in reports if one.name == name), None)
    if report is None:
        raise web.HTTPNotFound
    return await show(request, "backtest", report=report)


@needs("reader")
async def serve_report(request: web.Request) -> web.Response:
    """Answer with the report itself: a page that needs nothing, and gets nothing."""
    name = request.query.get("name", "")
    page = await room_of(request).do(lambda deeds: deeds.report(name))
    if page is None:
        raise web.HTTPNotFound
    headers = {"Content-Security-Policy": REPORT_POLICY}
    return web.Response(body=page, content_type="text/html", charset="utf-8", headers=headers)


def _variants(form: dict[str, str]) -> list[Variant]:
    """Read the variants of a form.

    Raises:
        InputProblem: ``variant-wrong``: there is none, or one cannot be read.
    """
    found = []
    for number in range(1, ROWS + 1):
        changes = tuple(
            line.strip() for line in form.get(f"changes{number}", "").splitlines() if line.strip()
        )
        name = form.get(f"name{number}", "") or f"variant-{number}"
        if not changes:
            continue
        wrong = next((change for change in changes if not _CHANGE.fullmatch(change)), None)
        if wrong is not None or not _NAME.fullmatch(name):
            raise _wrong(f"{name}: {wrong}" if wrong is not None else name)
        found.append(Variant(name=name, changes=changes))
    if not found:
        raise _wrong("no change was written")
    return found


def _until(form: dict[str, str]) -> date | None:
    text = form.get("until", "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _wrong(text) from error


def _wrong(what: str) -> InputProblem:
    return InputProblem(
        "variant-wrong",
        "this backtest cannot be read",
        where=what,
        why="a variant has a short name in small letters, and lines such as detect.late_delivery.major_days=2",
        hint="`firstword policy show` prints every path and its value",
    )


ROUTES: Final = (
    web.get("/backtests", list_backtests),
    web.post("/backtests", ask),
    web.get("/backtest", show_report),
    web.get("/backtest/report", serve_report),
)
