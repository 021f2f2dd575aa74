"""The composition root: settings in, the whole product on one machine out, built by hand in one place."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from streams import desks as desk_folders
from streams import labels as label_folders
from streams import sources as source_folders
from streams import telemetry
from streams.across.allowances import Allowances
from streams.across.mix_ups import MixUps
from streams.assets import templates_dir
from streams.core.contents import Scale
from streams.core.events import MessageQueued
from streams.core.policy import Policy
from streams.labels.store import LabelStore, SharedLabelStore
from streams.links import Addresses, Answer, Signer
from streams.mail.identity import Identity
from streams.mail.ledger import DoubtRule
from streams.mail.ledger_sql import SqlLedger, Synchronous, open_ledger
from streams.mail.outcomes import OurFault
from streams.mail.sender import LedgerSender
from streams.mail.transport import Transport
from streams.mail.url import open_transport
from streams.pipeline.apart import Apart as InThreads
from streams.pipeline.effects import Apart, Effects, in_place
from streams.pipeline.plugins import choose
from streams.pipeline.ports import Attachment, Desk, LabelProvider, Source
from streams.policies.loader import load_policy
from streams.problems import UsageProblem, WorldProblem
from streams.settings import Settings
from streams.storage.engine import open_engine
from streams.storage.labels import LabelTable
from streams.storage.seat import Seat, take_seat
from streams.templating.brand import Brand
from streams.templating.catalogue import Catalogue, load_catalogue
from streams.templating.edition import LinkMaker
from streams.templating.renderer import CatalogueRenderer
from streams.templating.watching import Watch

FIRST_DAY = date(2026, 1, 1)  # any day: the first question to a calendar loads its library
_ASKED_AT_ONCE = 8  # label sellers and order systems, each in a thread
# Mails an effects worker has claimed, per connection: one on it, one rendered, two on their way into the ledger.
_AHEAD = 4


class Kit(msgspec.Struct, frozen=True):
    """What a run needs besides its journal; ``words`` takes edited templates while it is entered."""

    policy: Policy
    effects: Effects
    sender: LedgerSender
    ledger: SqlLedger
    sources: Mapping[str, Source]
    words: Watch


def build(settings: Settings) -> Kit:
    """Build policy, renderer, ledger, transport, labels and desk for one data directory.

    Raises:
        streams.problems.Problem: whatever is wrong with a setting, a file or the disk, said once.
    """
    catalogue = load_catalogue(templates_dir(), settings.templates)
    renderer = CatalogueRenderer(catalogue, links_of(settings))
    policy = _policy(settings, catalogue)
    make_folder(settings.data)
    store = LabelStore(settings.data / "labels")
    labels, desk = _labels(settings), _desk(settings)
    place = _ledger_file(settings)
    ledger = open_ledger(place, synchronous=_durability(settings))
    engine = open_engine(place)
    sender = _sender(renderer, ledger, open_transport(mail_url(settings)), store, owner="embedded")
    apart: Apart = InThreads(_ASKED_AT_ONCE) if labels.is_remote or desk.is_remote else in_place
    effects = Effects(
        labels=labels,
        store=store,
        desk=desk,
        sender=sender,
        judge=_judge(policy, engine),
        matcher=_matcher(policy, engine),
        apart=apart,
    )
    words = Watch(renderer, templates_dir(), settings.templates)
    return Kit(policy, effects, sender, ledger, source_folders.discover(), words)


class EffectsKit(msgspec.Struct, frozen=True):
    """What an effects worker needs besides its topics; ``seat`` is its name in the ledger.

    ``words`` takes edited templates while it is entered.
    """

    effects: Effects
    sender: LedgerSender
    ledger: SqlLedger
    seat: Seat
    mails_at_once: int
    engine: Engine
    words: Watch

    async def close(self) -> None:
        """Let go of relay and database."""
        await self.sender.close()
        self.ledger.close()
        self.seat.leave()
        self.engine.dispose()


def build_effects(settings: Settings, *, apart: Apart) -> EffectsKit:
    """Build ledger, transport, labels and desk for one effects worker among several.

    With a database the ledger and the labels are there, for all hosts; without one, in the data directory.

    Raises:
        streams.problems.Problem: whatever is wrong with a setting, a file, the disk or the database.
    """
    catalogue = load_catalogue(templates_dir(), settings.templates)
    renderer = CatalogueRenderer(catalogue, links_of(settings))
    policy = _policy(settings, catalogue)
    make_folder(settings.data)
    transport = open_transport(mail_url(settings))
    labels, desk = _labels(settings), _desk(settings)
    place = _shared_place(settings)
    ledger = open_ledger(place, synchronous=_durability(settings))
    engine = open_engine(place)
    store = SharedLabelStore(LabelTable(engine)) if ledger.shared else LabelStore(settings.data / "labels")
    seat = take_seat(engine, f"effects@{platform.node() or 'localhost'}")
    sender = _sender(renderer, ledger, transport, store, owner=seat.name, until_told=True)
    effects = Effects(
        labels=labels,
        store=store,
        desk=desk,
        sender=sender,
        judge=_judge(policy, engine),
        matcher=_matcher(policy, engine),
        apart=apart,
    )
    words = Watch(renderer, templates_dir(), settings.templates)
    return EffectsKit(effects, sender, ledger, seat, _AHEAD * transport.concurrency, engine, words)


def _sender(
    renderer: CatalogueRenderer,
    ledger: SqlLedger,
    transport: Transport,
    store: LabelStore | SharedLabelStore,
    *,
    owner: str,
    until_told: bool = False,
) -> LedgerSender:
    return LedgerSender(
        ledger=ledger,
        transport=transport,
        renderer=renderer,
        identity=Identities(renderer),
        owner=owner,
        attachments=Attachments(store),
        doubt_rules=DoubtRules(renderer),
        alarm=_ring,
        until_told=until_told,
    )


def _judge(policy: Policy, engine: Engine) -> Allowances | None:
    """Return who answers for all orders, or nobody where the policy limits nothing across them."""
    return _allowances(policy, engine) if policy.asks else None


def _allowances(policy: Policy, engine: Engine) -> Allowances:
    return Allowances(
        engine,
        campaign=policy.name,
        budgets=policy.budgets,
        customers=policy.customers,
        brake=policy.brake,
    )


def allowances_of(settings: Settings) -> tuple[Allowances, Engine]:
    """Return who answers for all orders, for people who look at it, and the engine to let go of.

    Raises:
        streams.problems.Problem: the policy is wrong, or the database does not answer.
    """
    make_folder(settings.data)
    place = _shared_place(settings)
    open_ledger(place).close()  # makes the tables where there are none yet
    engine = open_engine(place)
    return _allowances(policy_of(settings), engine), engine


def _matcher(policy: Policy, engine: Engine) -> MixUps:
    """Return who finds the other box of a mix-up, as exact as the policy's scales are."""
    scale = next((one for one in policy.detectors if isinstance(one, Scale)), None)
    if scale is None:
        return MixUps(engine)
    return MixUps(
        engine, tolerance_g=scale.weight_tolerance_g, tolerance_percent=scale.weight_tolerance_percent
    )


def _ring(_message: MessageQueued, fault: OurFault) -> None:
    telemetry.relay_refuses_us(code=fault.enhanced or str(fault.code), why=fault.text)


def _labels(settings: Settings) -> LabelProvider:
    provider = choose(label_folders.discover(), settings.label_provider, "label provider")
    labels = provider.from_settings(settings)
    if not labels.is_remote:
        return labels  # what we draw ourselves is read by a scanner in our tests
    from streams.labels.checked import CheckedLabels

    return CheckedLabels(labels)


def _desk(settings: Settings) -> Desk:
    return choose(desk_folders.discover(), settings.desk, "desk").from_settings(settings)


def _ledger_file(settings: Settings) -> str:
    return str(settings.data / "ledger.sqlite")


def _shared_place(settings: Settings) -> str:
    """Return where ledger and allowances are: in the database of all hosts where one is set."""
    return _ledger_file(settings) if settings.database is None else settings.database.reveal()


def _durability(settings: Settings) -> Synchronous:
    # A relay does not tell what it took: a row lost with the power would send a mail twice. A Maildir does tell.
    return "NORMAL" if mail_url(settings).startswith("maildir:") else "FULL"


def policy_of(settings: Settings) -> Policy:
    """Load the policy alone, for those who decide and do nothing else.

    Raises:
        streams.problems.Problem: the policy, or a template that it names, is wrong.
    """
    return _policy(settings, load_catalogue(templates_dir(), settings.templates))


def _policy(settings: Settings, catalogue: Catalogue) -> Policy:
    policy = load_policy(settings.policy, templates=catalogue.messages)
    home = policy.shop.country
    policy.calendars.is_workday(
        FIRST_DAY, (home, home)
    )  # loads the calendars now, not within the first event
    return _keep_days_within(policy, settings)


def _keep_days_within(policy: Policy, settings: Settings) -> Policy:
    """Let a label end while its seller still gives the money for an unused one back: nobody's day is taken away later."""
    refund_days = label_folders.refund_days(settings.label_provider)
    if refund_days is None or policy.returns.keep_days < refund_days:
        return policy
    kept = msgspec.structs.replace(policy.returns, keep_days=refund_days - 1)
    return msgspec.structs.replace(policy, returns=kept)


def mail_url(settings: Settings) -> str:
    """Return where mails go: the setting, else a Maildir in the data directory.

    How many connections a relay gets, and at what rate, is the settings' word where the URL says nothing.
    """
    if settings.mail_url is None:
        return f"maildir:{settings.data / 'mail'}"
    url = settings.mail_url.reveal()
    if not url.lower().startswith("smtp:"):
        return url
    said = {part.partition("=")[0] for part in url.partition("?")[2].split("&")}
    more = {"connections": str(settings.smtp_connections)}
    if settings.smtp_rate:
        more["rate"] = str(settings.smtp_rate)
    missing = "&".join(f"{name}={value}" for name, value in more.items() if name not in said)
    if not missing:
        return url
    return f"{url}{'&' if '?' in url else '?'}{missing}"


def identity_of(brand: Brand) -> Identity:
    """Return the sending side of a brand's mails."""
    return Identity(
        from_address=brand.sender.from_address,
        from_name=f"{brand.sender.human}, {brand.name}",
        reply_to=brand.sender.reply_to,
        reply_to_name=brand.sender.human,
        message_id_domain=brand.message_id_domain,
        bounce_to=brand.sender.bounce_to,
        relay_renames=brand.sender.relay_renames,
    )


class Identities:
    """Who speaks in each version of the words: a mail that is tried again comes from the same sender."""

    def __init__(self, renderer: CatalogueRenderer) -> None:
        self._renderer = renderer
        self._known: tuple[Brand, Identity] | None = None

    def __call__(self, version: str) -> Identity:
        """Return the sending side of a version's brand; today's where no version was chosen."""
        brand = self._renderer.brand(version)
        if self._known is None or self._known[0] is not brand:
            self._known = (brand, identity_of(brand))
        return self._known[1]


class DoubtRules(Mapping[str, DoubtRule]):
    """What each message's card of today says about a mail of unknown fate."""

    def __init__(self, renderer: CatalogueRenderer) -> None:
        self._renderer = renderer

    def __getitem__(self, template: str) -> DoubtRule:
        return self._renderer.catalogue.messages[template].card.in_doubt

    def __iter__(self) -> Iterator[str]:
        return iter(self._renderer.catalogue.messages)

    def __len__(self) -> int:
        return len(self._renderer.catalogue.messages)


class Attachments:
    """The return label of a mail that tells of one; the follow-up note carries it again."""

    def __init__(self, store: LabelStore | SharedLabelStore) -> None:
        self._store = store

    def __call__(self, message: MessageQueued) -> tuple[Attachment, ...]:
        """Return the label's PDF, or nothing for a mail that was decided without one.

        Raises:
            WorldProblem: ``label-missing``: it was bought and is not on the shelf; the mail waits for it,
                because its words say that it is attached.
        """
        letter = message.letter
        if letter is None or letter.label_id is None:
            return ()
        document = self._store.get(letter.label_id)
        if document is None:
            raise WorldProblem(
                "label-missing",
                "the return label of a mail is not on the shelf",
                where=f"label {letter.label_id} of message {message.message_id}",
                why="it was bought, and its file or row is gone",
                hint="put the labels folder (or table) back from its backup; the mail is tried again",
                retriable=True,
            )
        name = f"return-label-{letter.label_tracking_number}.pdf"
        return (Attachment(filename=name, media_type="application/pdf", content=document),)


def links_of(settings: Settings) -> LinkMaker | None:
    """Return what makes the addresses at which customers answer, or None where mails ask for a reply.

    Raises:
        UsageProblem: ``links-half-set``; ``link-secret-weak``.
    """
    if not settings.public_url and settings.link_secret is None:
        return None
    if not settings.public_url or settings.link_secret is None:
        raise UsageProblem(
            "links-half-set",
            "links in mails need both an address and a secret, and one of them is missing",
            where="FIRSTWORD_LINK_SECRET" if settings.public_url else "FIRSTWORD_PUBLIC_URL",
            why="a link without a signature could be made by anybody, and one without an address leads nowhere",
            hint="set both, the same for this process and for `firstword answers`, or neither",
        )
    return MailLinks(Addresses(settings.public_url, Signer(settings.link_secret.reveal())))


class MailLinks:
    """Where each answer to a queued mail is given."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def __call__(self, message: MessageQueued, answer: Answer, at: datetime) -> str | None:
        """Return the signed address, or None where it would be too long for a mail."""
        return self._addresses.of(
            order_id=message.order_id,
            case_id=message.case_id,
            message_id=message.message_id,
            answer=answer,
            locale=message.locale,
            at=at,
        )


def make_folder(folder: Path) -> None:
    """Make the folder that holds everything the program writes, unless it is there.

    Raises:
        WorldProblem: ``data-folder``: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldProblem(
            "data-folder",
            f"the folder {folder} cannot be made",
            why=str(error),
            hint="name a folder that you may write to with --data",
        ) from error
