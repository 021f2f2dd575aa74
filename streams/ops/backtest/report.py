"""A backtest as one page for whoever decides: it needs no script, no other file and no network.

The page forbids itself to ask for anything (a content security policy), so that not even a mail shown as it
looks can fetch its pictures. It holds words to customers and should be kept like their mails.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

import msgspec

from streams.ops.backtest.cards import cards, style
from streams.ops.backtest.change import SORTS
from streams.ops.backtest.drawings import draw
from streams.ops.backtest.examples import Reading, ReadMail, Side
from streams.ops.backtest.figures import Figures
from streams.ops.backtest.spelling import IMAGINED
from streams.ops.backtest.table import Section, extent, sections

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_METHOD = (
    "Every event that came from outside is folded again under each policy, with all alarms at their own moments.",
    "What the product wrote then (ticks, labels, mails, their outcomes) is left out.",
    "In its place the world says yes at once: every label is issued, every replacement and every mail accepted.",
    "What customers and staff did then, they do again: who wrote because nobody had told them still writes.",
    "Remedies are priced as the policy prices them, and what stays within an order's budget is granted at once.",
    "Figures end with the last event. What would follow in the silence behind it is listed apart.",
)


def report(figures: Figures, readings: Sequence[Sequence[Reading]]) -> str:
    """Return the page; ``readings`` are the examples of each policy but the first."""
    title = f"Backtest: {_names_of(figures)}"
    body = [
        f'<header><p class="soft">firstword backtest</p><h1>{escape(title)}</h1>',
        f'<p class="soft">{escape(figures.history)}: {escape(extent(figures))}.</p>{_menu()}</header>',
        '<section id="short"><h2>In short</h2>',
        f'<p class="note">{escape(_short(figures))}</p>{cards(figures.policies)}</section>',
        *(_section(figures, one) for one in sections(figures)),
        _examples(figures, readings),
        _method(figures),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex"><meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{_css()}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _names_of(figures: Figures) -> str:
    first, *others = (one.name for one in figures.policies)
    *most, last = others or [""]
    return f"{first} beside {', '.join(most)} and {last}" if most else f"{first} beside {last}"


def _css() -> str:
    return files("streams.ops.backtest").joinpath("report.css").read_text("utf-8")


def _short(figures: Figures) -> str:
    said = "Nothing here was sent: the history was folded again under each policy."
    return f"{said} {IMAGINED}" if figures.imagined_addresses else said


def _menu() -> str:
    places = {
        "short": "In short",
        "all": "All figures",
        "orders": "Orders to read",
        "method": "How it is measured",
    }
    items = "".join(f'<li><a href="#{place}">{says}</a></li>' for place, says in places.items())
    return f'<nav aria-label="On this page"><ul>{items}</ul></nav>'


# ---------------------------------------------------------------------------- figures


def _section(figures: Figures, section: Section) -> str:
    drawn = draw(figures, section)
    anchor = ' id="all"' if section.key == "told" else ""
    kind = "pair has-chart" if drawn else "pair"
    return (
        f'<section{anchor}><h2>{escape(section.title)}</h2><p class="note">{escape(section.note)}</p>'
        f'<div class="{kind}">{f"<div>{drawn}</div>" if drawn else ""}{_table(figures, section)}</div></section>'
    )


def _table(figures: Figures, section: Section) -> str:
    names = [one.name for one in figures.policies]
    head = "".join(f'<th scope="col" role="columnheader">{escape(name)}</th>' for name in names)
    rows = []
    for row in section.rows:
        more = row.more or [""] * len(names)
        cells = "".join(
            f'<td role="cell" data-policy="{escape(name)}">{_cell(cell, plus)}</td>'
            for name, cell, plus in zip(names, row.cells, more, strict=True)
        )
        part = ' class="part"' if row.part else ""
        rows.append(
            f'<tr role="row"{part}><th scope="row" role="rowheader">{escape(row.label)}</th>{cells}</tr>'
        )
    # Roles are said aloud: on a phone the rows become blocks, and would cease to be a table to those who hear it.
    return (
        f'<div><table class="side-by-side" role="table" aria-label="{escape(section.title)}">'
        f'<thead role="rowgroup"><tr role="row"><td role="cell"></td>{head}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table></div>'
    )


def _cell(cell: str, more: str) -> str:
    return escape(cell) + (f' <span class="more">{escape(more)}</span>' if more else "")


# ---------------------------------------------------------------------------- orders to read


def _examples(figures: Figures, readings: Sequence[Sequence[Reading]]) -> str:
    if not any(readings):
        return ""
    parts = []
    for number, (one, some) in enumerate(zip(figures.policies[1:], readings, strict=True), start=1):
        if not some:
            continue
        parts.append(f"<h3>{escape(one.name)} beside {escape(figures.policies[0].name)}</h3>")
        for sort, says in SORTS.items():
            count = one.changed.by_sort.get(sort, 0) if one.changed is not None else 0
            mine = [each for each in some if each.sort == sort]
            if mine:
                parts.append(f"<h4>{escape(says.capitalize())}: {len(mine)} of {count:,} orders</h4>")
                parts += [_example(figures, number, each) for each in mine]
    return (
        '<section id="orders" class="changes"><h2>Orders to read</h2><p class="note">Drawn by lot, the same ones in'
        " every run. Times are the customer's own. Lines that the mail on the other side does not have are marked."
        f"</p>{''.join(parts)}</section>"
    )


def _example(figures: Figures, number: int, one: Reading) -> str:
    facts = [f"placed {one.placed}"]
    if one.promised_by is not None:
        facts.append(f"promised by {one.promised_by}")
    facts.append(f"came {one.arrived}" if one.arrived is not None else "had not come when the history ends")
    first = _side(figures.policies[0].name, style(0), one.first, one.here)
    here = _side(figures.policies[number].name, style(number), one.here, one.first)
    return (
        f'<article><h3><code>{escape(one.order_id)}</code></h3><p class="note">{escape("; ".join(facts))}</p>'
        f'<div class="sides">{first}{here}</div></article>'
    )


def _side(name: str, color: str, side: Side, other: Side) -> str:
    lines = [*side.granted, *(f"asks a person: {reason}" for reason in side.asked)]
    listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
    said = (
        "".join(_mail(mail, against) for mail, against in _beside(side, other))
        or '<p class="note">No mail.</p>'
    )
    more = f'<ul class="plain">{listed}</ul>' if listed else ""
    return f'<div class="side {color}"><h4>{escape(name)}</h4>{said}{more}</div>'


def _beside(side: Side, other: Side) -> list[tuple[ReadMail, ReadMail | None]]:
    """Return each mail with the one that stands in its place on the other side."""
    return list(zip(side.mails, [*other.mails, *[None] * len(side.mails)], strict=False))


def _words(mail: ReadMail, against: ReadMail | None) -> str:
    """Return the words of a mail; lines that its counterpart does not have are marked."""
    if against is None:
        return escape(mail.text)
    there = set(against.text.splitlines())
    return "\n".join(
        escape(line) if line in there else f"<mark>{escape(line)}</mark>" for line in mail.text.splitlines()
    )


def _mail(mail: ReadMail, against: ReadMail | None) -> str:
    looks = ""
    if mail.html:
        looks = (
            '<details class="on-screen"><summary>as it looks, without its pictures</summary>'
            f'<iframe sandbox="" loading="lazy" title="{escape(mail.subject)}" srcdoc="{escape(mail.html)}"></iframe></details>'
        )
    return (
        f"<details><summary>{escape(mail.subject)}<small>{escape(mail.sent)}, {escape(mail.template)}</small></summary>"
        f"<pre>{_words(mail, against)}</pre>{looks}</details>"
    )


def _method(figures: Figures) -> str:
    versions = "".join(
        f'<li><span class="{style(number)}">{escape(one.name)}</span>: <code>{escape(one.version)}</code></li>'
        for number, one in enumerate(figures.policies)
    )
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in _METHOD)
    data = escape(msgspec.json.encode(figures).decode())
    return (
        f'<section id="method"><h2>How it is measured</h2><ul>{items}</ul>'
        f'<h3>The policies, by what they say</h3><ul class="plain">{versions}</ul>'
        f'<details class="on-screen"><summary>All figures as JSON</summary><pre>{data}</pre></details></section>'
    )
