"""Words to bytes, beside the standard library's generator making the same mail: a floor that ours lies below."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

from streams.mail.compose import compose
from tests.benchmarks.bench_mail import NOON, Mails
from tests.benchmarks.measure import Row, beside, lap


def rows() -> Iterator[Row]:
    """Every mail of the month, with its attachment where it has one."""
    mails = Mails()
    parts = [
        (message, mails.renderer.render(message), mails.attachments(message)) for message in mails.messages
    ]

    def ours():
        for message, rendered, attachments in parts:
            compose(
                message,
                rendered,
                attachments,
                identity=mails.identity,
                to=message.letter.to,
                first_subject=None,
                date=NOON,
            )

    few = parts[::10]
    yield beside(
        "compose",
        "mails",
        lap(ours, len(parts)),
        lap(lambda: [standard(mails.identity, *part) for part in few], len(few)),
        floor_name="email.message",
        rounds=3,
    )


def standard(identity, message, rendered, attachments):
    """Return the same mail as the standard library writes it."""
    built = EmailMessage(policy=SMTP)
    built["From"], built["To"], built["Subject"] = identity.from_address, message.letter.to, rendered.subject
    built["Message-ID"] = f"<{message.message_id}@{identity.message_id_domain}>"
    built.set_content(rendered.text)
    built.add_alternative(rendered.html, subtype="html", cte="base64")
    for attachment in attachments:
        main, sub = attachment.media_type.split("/")
        built.add_attachment(attachment.content, main, sub, filename=attachment.filename)
    return built.as_bytes()
