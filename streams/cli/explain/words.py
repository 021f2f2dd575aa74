"""Pages about the words of the house: one concept, one word."""

from __future__ import annotations

from streams.cli.explain.page import Page
from streams.policies.loader import LoadedPolicy

# The word, what it means here, and the words that it is used instead of.
_WORDS = {
    "event": ("A fact in our log, in the past tense, such as order.placed.", "record, message"),
    "record": ("What a file line, a webhook or Kafka carries, before it is understood.", "event"),
    "message": ("A rendered email, or the intent to send one.", "notification, event"),
    "order": ("What a customer bought; everything is judged per order.", ""),
    "line": ("One article of an order, and how many of it.", "item"),
    "fulfillment": ("The shop's intent to ship some lines together.", ""),
    "shipment": ("One parcel with a tracking number.", "package, delivery"),
    "checkpoint": ("One carrier scan, with one of ten statuses.", "tracking event"),
    "promise": (
        "What we told the customer about when it comes; a calendar day unless an hour was said.",
        "ETA",
    ),
    "forecast": (
        "What we now believe about when it comes, as a range; it never overwrites a promise.",
        "ETA",
    ),
    "exception": ("Something wrong with an order, opened once, cleared once.", "issue, incident"),
    "case": ("All exceptions of one order together: one mail thread.", "ticket"),
    "finding": ("What a detector returns: kind, subject, since when, how bad, and the evidence.", ""),
    "evidence": ("An event, and the sentence that was read from it.", ""),
    "problem": ("A failure of ours or of an input, with a code that can be explained.", "exception"),
    "remedy": ("What we offer to put an exception right.", "compensation"),
    "goodwill": ("Credit beyond what is owed.", "compensation"),
    "budget": ("What the remedies of one order may cost before a person is asked.", ""),
    "return_authorization": ("Permission to send something back.", ""),
    "return_label": ("The paid sticker for sending it back.", ""),
    "replacement": ("A second shipment that we pay for; it never waits for the return.", "exchange"),
    "policy": ("Thresholds, responses, budgets and quiet hours: a file with its tests inside.", "config"),
    "journal": ("Our ordered truth: every event, in the order in which we came to know it.", "log"),
    "outbox": ("What was decided and is not yet done.", "queue"),
    "ledger": ("What was really done, per mail; it decides what may still happen.", ""),
    "dead_letter": ("A record that we could not understand, whole, and why.", "error queue"),
    "redrive": ("Giving a dead letter another try under the same identity.", "retry"),
    "replay": ("History through today's code, without effects.", ""),
    "rebuild": ("A replay that writes down what it decides, and the state that it comes to.", "restore"),
    "shadow": (
        "A replay beside the decisions of then: the first difference of every order, explained.",
        "dry run",
    ),
    "live": ("A replay whose decisions go into the outbox, after a second confirmation.", ""),
    "stretch": (
        "A part of a history that is told: partitions, positions, times or orders; all before it is folded.",
        "range",
    ),
    "bookmark": ("How far a replay has come, in a file, so that it can go on from there.", "checkpoint"),
    "backtest": ("History through several policies, compared.", ""),
    "purse": ("The money that a backtest may grant in all, in recorded order.", ""),
    "story": ("A customer's order told in one file, with the letters that must follow.", "scenario, fixture"),
    "rehearsal": (
        "Stories told to today's policy and words, to read the letters before a customer does.",
        "",
    ),
    "timeline": (
        "Everything that is known about one order, in the order in which we came to know it.",
        "audit trail",
    ),
    "read_model": (
        "Orders, mails and cases in tables, for people who search; made from the journal and thrown away at will.",
        "cache",
    ),
    "inbox": ("Records that any process may leave for the one that works in a data folder.", "queue"),
    "lag": ("Records that wait for a group of workers at the brokers.", "delay"),
    "occurred_at": ("When it happened, by the source's word.", "timestamp"),
    "recorded_at": ("When we wrote it down.", "timestamp"),
    "now": ("How far recorded time has come; it never goes back.", "the clock"),
    "parked": ("A scan that came before its parcel was announced, and waits three days for it.", ""),
    "desk": ("Who ships a replacement.", ""),
    "source": ("A way in: a folder that turns one kind of record into facts.", ""),
    "window": (
        "The time in which an order gets at most one mail; an update supersedes, it does not stack.",
        "",
    ),
    "quiet_hours": ("The night, by the customer's own clock: mails wait, they are never dropped.", ""),
    "second_failure": ("Our own word was broken, or a replacement went wrong: a person looks.", ""),
}


def pages(_policy: LoadedPolicy | None = None) -> dict[str, Page]:
    """Return the page of every word."""
    return {
        word: Page(
            name=word,
            sentence=meaning,
            lines=(f"not: {instead}",) if instead else (),
            plain={"word": word, "means": meaning, "not": [text for text in instead.split(", ") if text]},
        )
        for word, (meaning, instead) in _WORDS.items()
    }
