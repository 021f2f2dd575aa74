"""What a customer wrote: the text of a mail without what it quotes, and the one word that our mails ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import islice

from streams.sources.mail import Mail

STOP = "stop"
# The words that our templates ask for, in their languages; a test compares the two.
_CHOICES = {
    STOP: ("stop", "stopp", "parar", "baja"),
    "refund": ("refund", "reembolso", "remboursement", "erstattung"),
    "wait": ("wait", "esperar", "espero", "attendre", "attends", "warten", "warte"),
}
_CHOICE_OF = {word: choice for choice, words in _CHOICES.items() for word in words}
_LIMIT = 2_000  # characters that are kept; who writes more has a mail that a person reads anyway
_LOOKED_AT = 32_000  # characters of a text that are looked at
_LINES = 1_000
_LINE = 400  # characters of a line that are held against the patterns
_ATTRIBUTION = re.compile(
    r"(?:On|Am|Le|El|Em|Il|Op) .{4,300}?(?:wrote|schrieb|a écrit|escribió|escreveu)\b.{0,150}:", re.IGNORECASE
)
_ORIGINAL = re.compile(
    r"-{2,} ?(?:original message|forwarded message|ursprüngliche nachricht|weitergeleitete nachricht|"
    r"message d.origine|message transféré|mensaje original|mensagem original|mensagem encaminhada) ?-{2,}|_{20,}",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(?:From|Von|De)\s?:\*? ?\S", re.IGNORECASE)
_SENT = re.compile(
    r"\*?(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Enviada|Fecha|Data)\s?(?:el|em)?\s?:", re.IGNORECASE
)
_GADGET = re.compile(
    r"(?:sent from|get outlook|gesendet von|von meinem .{1,40} gesendet|envoyé de|envoyé depuis|enviado desde|enviado do|"
    r"enviado de|enviado a partir)\b.{0,80}",
    re.IGNORECASE,
)
_TAG = re.compile(r"<([^<>]*)>")
_TAG_NAME = re.compile(r"/?[A-Za-z][A-Za-z0-9]{0,20}")
_QUOTATION = re.compile(r"\b(?:gmail_quote|divRplyFwdMsg|moz-cite-prefix|yahoo_quoted)", re.IGNORECASE)
_SILENT = frozenset({"head", "script", "style", "title"})
_BREAKS = frozenset({"br", "div", "p", "tr", "li", "h1", "h2", "h3", "table", "/div", "/p"})
_BREAK = "\N{LINE SEPARATOR}"  # where a page breaks the line; its own line breaks are blanks
_MARKS = " \t.,!?;:\"'«»„“”\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}*_-()"


def written(mail: Mail) -> str:
    """Return the first 2,000 characters that somebody wrote, without quotes and signature."""
    part = mail.first("text/plain")
    if part is not None and part.text.strip():
        text = part.text[:_LOOKED_AT]
    else:
        page = mail.first("text/html")
        text = _text_of_page(page.text[:_LOOKED_AT]) if page is not None else ""
    lines = list(islice((_readable(line) for line in text.splitlines()), _LINES))
    return "\n".join(_own(lines)).strip()[:_LIMIT].rstrip()


def choice_in(text: str) -> str | None:
    """Return what the customer chose, if the first line is one of our words and nothing else."""
    return _CHOICE_OF.get(text.partition("\n")[0].strip(_MARKS).casefold())


def is_all(text: str) -> bool:
    """Return whether a text is its first line and nothing else."""
    return not text.partition("\n")[2].strip(f"\n{_MARKS}")


# ---------------------------------------------------------------------------- inside


def _readable(line: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in line)
    return printable.replace("\N{NO-BREAK SPACE}", " ").rstrip()


def _own(lines: list[str]) -> Iterator[str]:
    """Yield the lines that are the customer's own: those between quoted ones too, as careful people answer."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if line in {"--", "—"} or _begins_a_copy(lines, at):
            return
        told = _attribution(lines, at)
        if told and not _is_quoted_behind(lines, at + told):
            return  # some mail programs quote without any mark
        if told:
            at += told
            continue
        if not line.lstrip().startswith(">") and not _GADGET.fullmatch(line.strip()[:_LINE]):
            yield line
        at += 1


def _begins_a_copy(lines: list[str], at: int) -> bool:
    """Return whether the whole earlier mail follows, as Outlook writes it: its head in words, then its text."""
    line = lines[at].strip()[:_LINE]
    if _ORIGINAL.fullmatch(line):
        return True
    behind = (other.strip()[:_LINE] for other in lines[at + 1 : at + 4])
    return bool(_FROM.match(line)) and any(map(_SENT.match, behind))


def _attribution(lines: list[str], at: int) -> int:
    """Return how many lines say who wrote what is quoted behind them: up to three, else none."""
    for count in (1, 2, 3):
        joined = " ".join(line.strip()[:_LINE] for line in lines[at : at + count])
        if _ATTRIBUTION.fullmatch(joined[: 2 * _LINE]):
            return count
    return 0


def _is_quoted_behind(lines: list[str], at: int) -> bool:
    return next((line for line in lines[at:] if line.strip()), "").lstrip().startswith(">")


def _text_of_page(page: str) -> str:
    """Return the words of a page up to the first quotation.

    Not by the standard library's parser, which takes half a minute for the worst pages of this length.
    """
    words: list[str] = []
    silent = ""  # the element whose content nobody reads
    for place, piece in enumerate(_TAG.split(page)):
        if place % 2 == 0:
            if not silent:
                words.append(unescape(piece))
            continue
        name = _TAG_NAME.match(piece)
        tag = name[0].lower() if name else ""
        if silent:
            silent = "" if tag == f"/{silent}" else silent
        elif tag == "blockquote" or _QUOTATION.search(piece):
            break
        elif tag in _SILENT:
            silent = tag
        elif tag in _BREAKS:
            words.append(_BREAK)
    lines = "".join(words).split(_BREAK)
    return "\n".join(" ".join(line.split()) for line in lines)
