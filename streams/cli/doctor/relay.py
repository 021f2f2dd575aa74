"""Looks at the way out: a Maildir that can be written, or a relay that greets, encrypts and knows us."""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

from streams.cli.doctor.check import Check, fine
from streams.mail.smtp import Relay
from streams.mail.url import open_transport, parse_relay
from streams.settings import Settings
from streams.wiring import mail_url

_PATIENCE = 10.0  # seconds; the sender waits as long for a connection


def look_at_mail(settings: Settings) -> Iterator[Check]:
    """Say whether mail can leave; nothing is sent.

    Raises:
        UsageProblem: the mail URL cannot be understood.
    """
    url = mail_url(settings)
    scheme, _, rest = url.partition(":")
    if scheme.lower() == "maildir":
        yield _maildir(Path(rest.partition("?")[0]))
        return
    if scheme.lower() != "smtp":
        open_transport(url)  # says what is wrong
    relay = parse_relay(url)
    try:
        yield fine("mail", f"{relay}: {', '.join(_greet(relay))}")
    except (OSError, smtplib.SMTPException) as error:
        yield Check(what="mail", state="act", says=f"{relay}: {_words(error)}", do=_advice(relay, error))


def _maildir(folder: Path) -> Check:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if os.access(existing, os.W_OK):
        return fine("mail", f"into the Maildir {folder}; no relay is set")
    return Check(
        what="mail", state="act", says=f"{existing} cannot be written", do="name another folder with --mail"
    )


def _greet(relay: Relay) -> Iterator[str]:
    """Do what the sender does before its first mail, and say how far it went."""
    with _connect(relay) as smtp:
        smtp.ehlo()
        yield "greets"
        if relay.tls == "starttls":
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
            yield "encrypts"
        elif relay.tls == "implicit":
            yield "is encrypted"
        if relay.username is not None:
            smtp.login(relay.username, relay.password or "")
            yield f"knows {relay.username}"


def _connect(relay: Relay) -> smtplib.SMTP:
    if relay.tls == "implicit":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(relay.host, relay.port, relay.hello, timeout=_PATIENCE, context=context)
    return smtplib.SMTP(relay.host, relay.port, relay.hello, timeout=_PATIENCE)


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
    return str(error) or type(error).__name__


def _advice(relay: Relay, error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return "the relay's certificate is not trusted: use the name it is made out to, or install its issuer"
        case smtplib.SMTPAuthenticationError():
            return "look at user and password in the mail URL"
        case smtplib.SMTPNotSupportedError():
            return "the relay does not offer what the URL asks for: look at ?tls= and at the user"
        case _:
            return f"look whether {relay.host} is reachable on port {relay.port}, and whether ?tls= is right"
