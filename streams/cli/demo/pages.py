"""The inbox of the demo as pages: one list of all mails, and every mail with its parts taken apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from pathlib import Path

import msgspec

from streams.cli.demo.mailbox import Taken

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2723; --muted: #56625c; --line: #dfe5e0; --page: #f2f3ef;
  --panel: #ffffff; --accent: #1c5f48; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ece8; --muted: #9aa8a0; --line: #2c3631;
  --page: #121614; --panel: #1a201d; --accent: #7fcbaa; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
p { color: var(--muted); margin: 0 0 1.5rem; }
ol { list-style: none; margin: 0; padding: 0; }
li { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1.1rem;
  margin-bottom: .6rem; display: grid; grid-template-columns: 1fr auto; gap: .15rem 1rem; }
a { color: var(--accent); }
.subject { font-weight: 600; text-decoration: none; }
.subject:hover, .subject:focus { text-decoration: underline; }
.meta { color: var(--muted); font-size: .875rem; overflow-wrap: anywhere; }
.kind { justify-self: end; color: var(--muted); font-size: .875rem; white-space: nowrap; }
.parts { font-size: .875rem; display: flex; gap: .9rem; justify-self: end; flex-wrap: wrap; }
@media (max-width: 40rem) { li { grid-template-columns: 1fr; } .kind, .parts { justify-self: start; } }
"""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One mail as the list shows it; ``parts`` are links by name."""

    at: datetime
    to: str
    subject: str
    kind: str
    order: str
    parts: dict[str, str]


def write_pages(folder: Path, taken: Sequence[Taken]) -> Path:
    """Take every mail apart and write the list of them; return the list's path."""
    pages = [_take_apart(folder, mail) for mail in taken]
    index = folder / "index.html"
    index.write_text(_index(sorted(pages, key=lambda page: page.at)), "utf-8")
    return index


def _take_apart(folder: Path, taken: Taken) -> Page:
    mail = message_from_bytes((folder / taken.file).read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    own = folder / Path(taken.file).stem
    own.mkdir(exist_ok=True)
    parts: dict[str, str] = {}
    for name, kind in (("html", "mail.html"), ("plain", "mail.txt")):
        body = mail.get_body((name,))
        if body is not None:
            (own / kind).write_text(body.get_content(), "utf-8")
            parts["text" if name == "plain" else name] = f"{own.name}/{kind}"
    for attachment in mail.iter_attachments():
        file = _UNSAFE.sub("-", attachment.get_filename() or "attachment").lstrip(".") or "attachment"
        (own / file).write_bytes(attachment.get_payload(decode=True) or b"")  # type: ignore[arg-type] # decoded bytes
        parts[file] = f"{own.name}/{file}"
    parts["source"] = taken.file
    return Page(
        at=mail["Date"].datetime,
        to=str(mail["To"]),
        subject=str(mail["Subject"]),
        kind=str(mail["X-Firstword-Template"]),
        order=str(mail["X-Firstword-Order"]),
        parts=parts,
    )


def _index(pages: Sequence[Page]) -> str:
    rows = "\n".join(_row(page) for page in pages)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{len(pages)} mails of a simulated week</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{len(pages)} mails of a simulated week</h1>\n"
        "<p>Nobody got them: the shop and its customers are invented. Each came over SMTP as it would for real.</p>\n"
        f"<ol>\n{rows}\n</ol>\n</main>\n</body>\n</html>\n"
    )


def _row(page: Page) -> str:
    first = page.parts.get("html") or page.parts["source"]
    links = " ".join(f'<a href="{escape(path)}">{escape(name)}</a>' for name, path in page.parts.items())
    return (
        f'<li><a class="subject" href="{escape(first)}">{escape(page.subject)}</a>'
        f'<span class="kind">{escape(page.kind.replace("_", " "))}</span>'
        f'<span class="meta">{escape(page.to)} &middot; {escape(page.order)} &middot; '
        f'<time datetime="{page.at.isoformat()}">{page.at:%a} {page.at.day} {page.at:%b %Y, %H:%M} UTC</time></span>'
        f'<span class="parts">{links}</span></li>'
    )
