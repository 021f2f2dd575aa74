"""Runs a history through the whole product on one machine, the way `firstword run --clock history` does."""

import asyncio
import email
from email import policy as email_policy
from pathlib import Path

from streams import wiring
from streams.embedded.engine import Engine
from streams.embedded.journal import Journal
from streams.embedded.runner import Feed, Runner
from streams.embedded.summary import summarize
from streams.settings import load
from streams.sources.feeds import parse_feed

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
HISTORIES = ROOT / "tests" / "golden" / "histories"


class Ran:
    """What is left of a run: its summary, its decisions and its mails."""

    def __init__(self, data, summary, decisions):
        self.data = data
        self.summary = summary
        self.decisions = decisions

    def of(self, wire_type, order_id=None):
        return [
            one for one in self.decisions if one.type == wire_type and order_id in {None, one.fact.order_id}
        ]

    def mails(self):
        """The Maildir's mails in the order of their dates."""
        files = (self.data / "mail" / "new").glob("*")
        parsed = [email.message_from_bytes(file.read_bytes(), policy=email_policy.default) for file in files]
        return sorted(parsed, key=lambda mail: mail["Date"].datetime)


def run_history(data, *sources, until=None, mail=None, policy=None):
    """Run sources (``NAME=PATH``) into ``data`` and return what is left."""
    overrides = {"mail_url": mail} if mail else {}
    settings = load({}, data=Path(data), policy=policy, **overrides)
    kit = wiring.build(settings)
    engine = Engine(Journal(Path(data) / "journal.sqlite"), kit.policy)
    feeds = []
    for text in sources:
        source, location = parse_feed(text, kit.sources)
        feeds.append(Feed(text, source, location))
    runner = Runner(engine, kit.effects, feeds)

    async def run():
        await runner.run_history(until, kit.sender.recover)
        await kit.sender.close()

    asyncio.run(run())
    summary = summarize(engine, 1.0, runner.taken)
    decisions = list(engine.journal.decisions())
    engine.journal.close()
    kit.ledger.close()
    return Ran(Path(data), summary, decisions)
