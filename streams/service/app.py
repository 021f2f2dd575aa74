"""A Faust application as we host it: at least once, crash-only, without its tables, timers, web pages or stores."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import faust
from mode import CrashingSupervisor

from streams.service.client import FETCH
from streams.service.connection import tls
from streams.service.faust_overrides import CarefulTransport, check_faust
from streams.service.topics import LARGEST_RECORD
from streams.settings import Settings
from streams.wiring import make_folder

BUFFER = 128  # records an agent has in hand before reading pauses: blocks, so some 30,000 events
COMMIT_SECONDS = 0.5  # what is done twice after a crash, at most, besides what is under way

HEARTBEAT_SECONDS = 3.0
# How long a worker may be silent before its work goes to another. Kafka itself took 10 until 3.0, and 45 since:
# a customer waits for the takeover, and a pause of ours is no longer than a tenth of it.
SILENCE_SECONDS = 12.0


def make_app(settings: Settings, role: str) -> faust.App:
    """Return the application of one worker; its consumer group is ``<prefix>-<role>``.

    Raises:
        WorldProblem: this is not the Faust we know, a certificate cannot be used, or the data folder cannot be made.
    """
    check_faust()
    make_folder(settings.data)
    logging.getLogger("faust").setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    app = faust.App(
        f"{settings.topic_prefix}-{role}",
        broker=[f"kafka://{host}" for host in settings.kafka.split(",")],
        broker_client_id=f"{settings.client_id}-{role}",
        broker_credentials=_credentials(settings),
        broker_commit_interval=COMMIT_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_session_timeout=SILENCE_SECONDS,
        broker_rebalance_timeout=SILENCE_SECONDS,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH,
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        producer_acks=-1,
        producer_max_request_size=LARGEST_RECORD,
        stream_buffer_maxsize=BUFFER,
        # What is under way at a rebalance is done again by the next owner, under the same ids: nobody waits for it.
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        cython_optimizations=True,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        store="memory://",
        datadir=str(settings.data / "faust"),  # it makes the folder, although it keeps nothing there
        web_enabled=False,
        autodiscover=False,
        worker_redirect_stdouts=False,
        agent_supervisor=CrashingSupervisor,
    )
    app.transport = CarefulTransport(app.conf.broker, app)
    app.producer_transport = CarefulTransport(app.conf.broker, app)
    app.finalize()
    return app


def raw_topic(app: faust.App, name: str) -> Any:
    """Return a topic whose keys and values are bytes, as they came."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def _credentials(settings: Settings) -> Any:
    security = settings.kafka_security
    if security == "plaintext":
        return None
    context = tls(settings) if security.endswith("ssl") else None
    if security == "ssl":
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=settings.kafka_username,
        password=settings.kafka_password.reveal() if settings.kafka_password is not None else "",
        ssl_context=context,
        mechanism=settings.kafka_mechanism,
    )


def unacknowledged(stream: Any) -> AsyncIterator[Any]:
    """Return the events of a stream, none of which is acknowledged unless we do it."""
    events: AsyncIterator[Any] = stream.noack().events()
    return events


async def death_of(app: faust.App, failed: asyncio.Future[BaseException]) -> BaseException:
    """Return, when it comes to that, what a worker died of: its application's crash, or a failure of its own."""
    crash = asyncio.ensure_future(_crash_of(app))
    try:
        await asyncio.wait({crash, failed}, return_when=asyncio.FIRST_COMPLETED)
        return crash.result() if crash.done() else failed.result()
    finally:
        crash.cancel()


async def _crash_of(app: faust.App) -> BaseException:
    await app._crashed.wait()  # noqa: SLF001 - Faust offers no other way to wait for it
    reason: BaseException | None = app.crash_reason
    return reason if reason is not None else RuntimeError("the stream application crashed without a reason")
