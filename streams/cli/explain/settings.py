"""Pages about settings: the sentence, the variable and the default of each."""

from __future__ import annotations

from streams.cli.explain.page import Page
from streams.policies.loader import LoadedPolicy
from streams.settings import FIELDS, FILE_SUFFIX

# The settings follow each other as they are told; a group begins with its first.
_GROUPS = {
    "mail_url": "every room: mail, words, folders",
    "http": "one machine: webhooks",
    "smtp_connections": "every room: relay, log, labels, return address",
    "kafka": "the service: brokers",
    "client_id": "the service: names and topics",
    "clock": "the service: time, memory, database, monitor",
    "console": "the console: address and sign-in",
    "public_url": "links in mails: where they lead, what signs them",
    "studio": "the studio: address, who comes in, test mails",
}


def pages(_policy: LoadedPolicy | None = None) -> dict[str, Page]:
    """Return the page of every setting."""
    found, group = {}, ""
    for name, field in FIELDS.items():
        group = _GROUPS.get(name, group)
        lines = [f"variable: {field.variable}"]
        if field.secret:
            lines.append(f"or a file that holds it: {field.variable}{FILE_SUFFIX}")
        lines.append(f"default:  {field.default or 'none'}")
        found[name] = Page(
            name=name,
            sentence=field.sentence,
            group=group,
            lines=tuple(lines),
            plain={
                "setting": name,
                "variable": field.variable,
                "default": field.default,
                "secret": field.secret,
            },
        )
    return found
