"""Writes a mail as bytes: the same input is the same mail, to the last byte.

The standard library's generator folds every header and encodes bodies in Python, which costs more than
rendering; the few shapes needed here are written directly (``tests/benchmarks/bench_mail.py`` compares).
Text goes as quoted-printable, so that a person can read the source; HTML as base64, which is faster.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from urllib.parse import quote

from streams.core.events import MessageQueued
from streams.mail.headers import clean, date_field, mailbox, message_id, one_click, unstructured
from streams.mail.identity import Identity
from streams.pipeline.ports import Attachment, Image, RenderedMail
from streams.pipeline.thread_root import Root, write_root

_MEDIA_TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}")
_PLAIN_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]*")
_FILENAME_LIMIT = 60  # letters; of four bytes each they are 720 characters in RFC 2231 form: one line
_WORTH_KEEPING = 1000  # letters; most shorter ones are encoded as fast as found, or are about one order only
_THREAD_LIMIT = 50  # ids in References; a case has a handful, and RFC 5322 wants the field to stay sane


def compose(
    message: MessageQueued,
    mail: RenderedMail,
    attachments: tuple[Attachment, ...],
    *,
    identity: Identity,
    to: str,
    first_subject: str | None,
    date: datetime,
) -> bytes:
    """Return the mail with CRLF line ends, no line longer than 998 octets (RFC 5322 2.1.1).

    ``to`` is the checked address. ``first_subject`` is the subject of the case's first mail: Gmail starts
    a new conversation when the subject changes. ``date`` is when the message was queued, so that a retry
    sends the same bytes.
    """
    mark = blake2b(message.message_id.encode("utf-8", "replace"), digest_size=12).hexdigest()
    body = _alternative(mail, f"=_alt_{mark}")
    if attachments:
        body = _mixed(body, attachments, f"=_mix_{mark}")
    name = (message.letter.customer_name if message.letter else None) or ""
    head = (
        f"Date: {date_field(date)}\r\n"
        f"{_sender_fields(identity)}"
        f"To: {mailbox(name, to)}\r\n"
        f"{_thread_fields(message, identity)}"
        f"{unstructured('Subject', mail.subject if first_subject is None else first_subject)}"
        f"{unstructured('X-Firstword-Message', message.message_id)}"
        f"{unstructured('X-Firstword-Order', message.order_id)}"
        f"{unstructured('X-Firstword-Case', message.case_id)}"
        f"{unstructured('X-Firstword-Template', message.template)}"
        f"{one_click(mail.opt_out)}"
    )
    return b"".join((head.encode("ascii"), *body))


@lru_cache(maxsize=64)
def _sender_fields(identity: Identity) -> str:
    """Return what is the same in every mail of a brand.

    ``OOF, AutoReply`` and not ``All``: All would include non-delivery reports, which we want (MS-OXCMAIL).
    """
    return (
        f"From: {mailbox(identity.from_name, identity.from_address)}\r\n"
        f"Reply-To: {mailbox(identity.reply_to_name, identity.reply_to)}\r\n"
        "MIME-Version: 1.0\r\n"
        "Auto-Submitted: auto-generated\r\n"  # RFC 3834
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n"
    )


def _thread_fields(message: MessageQueued, identity: Identity) -> str:
    own = message_id(message.message_id, identity.message_id_domain)
    earlier = [message_id(each, identity.message_id_domain) for each in message.thread]
    if len(earlier) > _THREAD_LIMIT:  # keep the first, which names the conversation, and the newest
        earlier = [earlier[0], *earlier[-(_THREAD_LIMIT - 1) :]]
    fields = [f"Message-ID: {own}\r\n"]
    if earlier:
        fields.append(f"In-Reply-To: {earlier[-1]}\r\n")
    root = write_root(Root(message.order_id, message.case_id))
    references = [f"<{root}@{identity.message_id_domain}>"] if root is not None else []
    references += [*earlier, own] if identity.relay_renames else earlier
    if references:
        folded = "\r\n ".join(references)
        fields.append(f"References: {folded}\r\n")
    return "".join(fields)


def _alternative(mail: RenderedMail, boundary: str) -> list[bytes]:
    """Return both bodies; neither encoding can produce ``=_``, so no body can contain the boundary."""
    return [
        (
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n--{boundary}\r\n'
            'Content-Type: text/plain; charset="utf-8"\r\n'
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        ).encode("ascii"),
        *_quoted_printable(mail.text),
        f"--{boundary}\r\n".encode("ascii"),
        *(_related(mail, f"{boundary}_rel") if mail.images else _page(mail)),
        f"--{boundary}--\r\n".encode("ascii"),
    ]


def _page(mail: RenderedMail) -> list[bytes]:
    fields = 'Content-Type: text/html; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return [fields.encode("ascii"), *_html(getattr(mail, "html_pieces", (mail.html,)))]


def _related(mail: RenderedMail, boundary: str) -> list[bytes]:
    """Return the HTML with the pictures that it shows behind it (RFC 2387)."""
    edge = f"--{boundary}\r\n".encode("ascii")
    head = f'Content-Type: multipart/related; type="text/html"; boundary="{boundary}"\r\n\r\n'
    pictures = [piece for image in mail.images for piece in (edge, _picture(image))]
    return [head.encode("ascii"), edge, *_page(mail), *pictures, f"--{boundary}--\r\n".encode("ascii")]


@lru_cache(maxsize=16)  # a shop has one logo, and every mail carries it
def _picture(image: Image) -> bytes:
    fields = (
        f"Content-Type: {image.media_type}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-ID: <{image.content_id}>\r\n"
        "Content-Disposition: inline\r\n\r\n"
    )
    return fields.encode("ascii") + _base64(image.content)


def _mixed(body: list[bytes], attachments: tuple[Attachment, ...], boundary: str) -> list[bytes]:
    """Return the bodies as the first part, and the attachments after it."""
    edge = f"--{boundary}\r\n"
    parts = [f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n{edge}'.encode("ascii"), *body]
    for attachment in attachments:
        parts.append(f"{edge}{_attachment_fields(attachment)}\r\n".encode("ascii"))
        parts.append(_base64(attachment.content))
    parts.append(f"--{boundary}--\r\n".encode("ascii"))
    return parts


def _html(pieces: Sequence[str]) -> list[bytes]:
    """Return HTML in base64; long pieces that were in an earlier mail are taken from there.

    Three octets are four letters, so a piece begins where the one before left its last triple: at one of
    three places. A line may end anywhere (RFC 2045 6.8), and ends around such a piece.
    """
    if len(pieces) == 1:  # nobody says what of it comes again
        return [_base64(_octets(pieces[0]))]
    out: list[bytes] = []
    rest = b""
    short: list[str] = []
    for piece in pieces:
        if len(piece) < _WORTH_KEEPING:
            short.append(piece)
            continue
        waiting = rest + _octets("".join(short))
        before, encoded, rest = _encoded(piece, -len(waiting) % 3)
        out += (_base64(waiting + before), encoded)
        short.clear()
    out.append(_base64(rest + _octets("".join(short))))
    return out


def _octets(text: str) -> bytes:
    """Return a body as octets, with the line ends of mail; a lone return is one too."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").replace(b"\n", b"\r\n")


@lru_cache(maxsize=4096)  # fourteen messages in two languages are some 400 of them, and 2 MB
def _encoded(piece: str, skip: int) -> tuple[bytes, bytes, bytes]:
    """Return a piece without its first ``skip`` octets in base64, and what is left over on both sides."""
    octets = _octets(piece)
    end = len(octets) - (len(octets) - skip) % 3
    return octets[:skip], _base64(octets[skip:end]), octets[end:]


def _attachment_fields(attachment: Attachment) -> str:
    media_type = attachment.media_type.lower()
    if not _MEDIA_TYPE.fullmatch(media_type):  # composite types must not be base64 (RFC 2045 6.4)
        media_type = "application/octet-stream"
    return (
        f"Content-Type: {media_type}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment; {_filename(attachment.filename)}\r\n"
    )


def _filename(filename: str) -> str:
    """Return the filename parameter, without folders and quotes; RFC 2231 where ASCII is not enough."""
    name = clean(re.sub(r"[/\\\"]", " ", filename), 4000) or "attachment"
    if len(name) > _FILENAME_LIMIT:
        stem, dot, ending = name.rpartition(".")
        keep = f"{dot}{ending}" if stem and len(ending) <= 8 else ""
        name = name[: _FILENAME_LIMIT - len(keep)].rstrip() + keep
    if _PLAIN_FILENAME.fullmatch(name):
        return f'filename="{name}"'
    return f"filename*=utf-8''{quote(name, safe='')}"


def _quoted_printable(text: str) -> list[bytes]:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return list(map(_quoted_line, text.split("\n")))


@lru_cache(maxsize=4096)  # most lines are the words of a template; b2a_qp reads letter by letter
def _quoted_line(line: str) -> bytes:
    return b2a_qp(line.encode("utf-8", "replace"), istext=True).replace(b"\n", b"\r\n") + b"\r\n"


_BLOCK = 48 * 76  # letters of base64 that are cut at once


def _base64(content: bytes) -> bytes:
    """Return lines of 76 (RFC 2045 6.8), each with its end."""
    encoded = b2a_base64(content, newline=False)
    if len(encoded) <= _BLOCK:
        return b"\r\n".join(_cut(len(encoded)).unpack(encoded))
    lines: list[bytes] = []
    end = len(encoded) - len(encoded) % _BLOCK
    for start in range(0, end, _BLOCK):
        lines += _cut(_BLOCK).unpack_from(encoded, start)[:-1]
    lines += _cut(len(encoded) - end).unpack_from(encoded, end)
    return b"\r\n".join(lines)


@lru_cache(maxsize=_BLOCK // 4 + 1)  # one for each length there is
def _cut(size: int) -> Struct:
    """Return what cuts so many letters into lines, and an empty one; slices take three times as long."""
    whole, rest = divmod(size, 76)
    return Struct("76s" * whole + (f"{rest}s" if rest else "") + "0s")
