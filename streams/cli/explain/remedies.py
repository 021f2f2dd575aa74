"""Pages about remedies: what each offers, and its amounts in the policy in force."""

from __future__ import annotations

from streams.cli.explain.page import Page, about, text_of
from streams.policies.loader import LoadedPolicy


def pages(policy: LoadedPolicy) -> dict[str, Page]:
    """Return the page of every remedy."""
    found = {}
    for name, remedy in policy.remedies.items():
        amounts = {
            ".".join(leaf[2:]): setting
            for leaf, setting in policy.settings.items()
            if leaf[:2] == ("remedy", name)
        }
        used = sorted(
            {
                kind
                for kind, graded in policy.responses.items()
                if any(name in response.remedies for response in graded.values())
            }
        )
        how = "granted with the mail that tells it" if remedy.with_message else "set in motion at once"
        lines = [*text_of(type(remedy)), "", how]
        lines += [f"{key} = {setting.value}  ({setting.origin})" for key, setting in amounts.items()]
        lines.append(f"follows from: {', '.join(used) or 'nothing in this policy'}")
        found[name] = Page(
            name=name,
            sentence=about(type(remedy)),
            lines=tuple(lines),
            plain={
                "remedy": name,
                "with_message": remedy.with_message,
                "amounts": {key: setting.value for key, setting in amounts.items()},
                "follows_from": used,
            },
        )
    return found
