"""Puts the answers page together out of the settings, and serves it until it is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web

from streams import telemetry
from streams.assets import templates_dir
from streams.clock import wall_now
from streams.links import Signer
from streams.ops.verdicts import FolderVerdicts, TopicVerdicts, Verdicts
from streams.problems import UsageProblem
from streams.settings import Settings
from streams.templating.catalogue import load_catalogue
from streams.web.answers.app import make_app
from streams.web.answers.page import Pages
from streams.web.answers.taking import Answers
from streams.web.answers.used import Used
from streams.web.host import listen, told_to_stop
from streams.wiring import make_folder

GRACE: Final = 10.0  # seconds that a stop waits for answers under way


def furnish(settings: Settings, *, kafka: bool) -> web.Application:
    """Return the page over the inbox of the data folder, or over the topics.

    Raises:
        UsageProblem: ``links-not-set``; ``link-secret-weak``; ``no-native-topic``.
        streams.problems.Problem: the words or the folder are wrong.
    """
    if settings.link_secret is None:
        raise UsageProblem(
            "links-not-set",
            "there is no secret that links in mails could have been signed with",
            where="FIRSTWORD_LINK_SECRET",
            hint="set it, and FIRSTWORD_PUBLIC_URL, here and where mails are sent",
        )
    signer = Signer(settings.link_secret.reveal())
    brand = load_catalogue(templates_dir(), settings.templates).brand
    make_folder(settings.data)
    return make_app(
        Answers(signer, _outlet(settings, kafka=kafka), Used(settings.data), wall_now), Pages(brand)
    )


def _outlet(settings: Settings, *, kafka: bool) -> Verdicts:
    if not kafka:
        return FolderVerdicts(settings.data, "answers")
    topics = TopicVerdicts(settings)
    topics.topic()  # a mistake is found now, and not by the first customer
    return topics


async def serve(app: web.Application, address: str, opened: Callable[[str, int], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``opened`` hears where, once it can be asked.

    Raises:
        UsageProblem: ``http-address-wrong``.
        WorldProblem: ``answers-address-unavailable``.
    """
    # No access log: it would write down links that whoever reads it could use.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        taken_host, taken_port = await listen(runner, address, "answers")
        telemetry.answers_opened(host=taken_host, port=taken_port)
        opened(taken_host, taken_port)
        await told_to_stop()
    finally:
        await runner.cleanup()
