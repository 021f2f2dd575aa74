"""All three workers against brokers that stop, die and come back: every customer hears once, none twice, none never."""

import asyncio
import email
import random
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from streams.service.client import producer
from streams.service.topics import topics_of
from tests.fold_rig import declare, settings_of
from tests.mail_receiver import MailReceiver
from tests.ndjson import DAY, HOUR, line, swapped
from tests.worker_processes import LONG, WorkerProcess, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
ORDERS = 150 if LONG else 60
SILENCE = 40 if LONG else 15  # seconds
ROUNDS = 30 if LONG else 6
POLICY = """
[quiet]
start = "00:00"
end = "00:00"
[respond.wrong_item]
settle = "0m"
"""


class Service:
    """Ingest, fold and effects as processes, kept running as an orchestrator would."""

    def __init__(self, stack, broker, prefix, folder, relay):
        policy = folder / "policy.toml"
        policy.write_text(POLICY, "utf-8")
        self.settings = settings_of(
            broker,
            prefix,
            folder,
            clock="wall",
            tick_seconds=0.2,
            snapshot_seconds=2,
            policy=policy,
            mail_url=f"smtp://127.0.0.1:{relay.port}?tls=none",
        )
        declare(broker, topics_of(self.settings))
        self.relay = relay
        self.workers = [WorkerProcess(role, self.settings) for role in ("ingest", "fold", "effects")]
        for worker in self.workers:
            stack.callback(worker.close)
            worker.start()

    def keep_running(self):
        for worker in self.workers:
            worker.keep_running()

    def told(self):
        """Whom the mails are about, one entry for each mail."""
        return [
            email.message_from_bytes(content)["X-Firstword-Order"] for content in list(self.relay.mailbox)
        ]

    def restarts(self):
        return {worker.role: worker.starts - 1 for worker in self.workers}


class Shop(threading.Thread):
    """Packs the wrong thing, again and again, over some seconds; keeps trying while the brokers are away."""

    def __init__(self, settings, seconds):
        super().__init__(daemon=True)
        self.settings, self.seconds = settings, seconds
        self.orders = [f"ORD-{number}" for number in range(ORDERS)]
        self.error = None
        self.start()

    def run(self):
        try:
            asyncio.run(self._write())
        except Exception as error:  # noqa: BLE001 - the test tells of it
            self.error = error

    async def _write(self):
        topic = next(iter(topics_of(self.settings).sources))
        sender = producer(self.settings, "shop", request_timeout_ms=180_000)
        await sender.start()
        for order in self.orders:
            now = datetime.now(UTC).replace(microsecond=0)
            for event in swapped(order, now - 3 * HOUR, by=(now + 6 * DAY).date().isoformat()):
                await sender.send_and_wait(topic, line(event), key=order.encode())
            await asyncio.sleep(self.seconds / ORDERS)
        await sender.stop()


def finish(service, shop):
    """Wait until the last customer has heard; then see that nobody hears again."""
    wait_until(
        lambda: not shop.is_alive() and (shop.error or len(set(service.told())) >= ORDERS),
        *service.workers,
        seconds=180,
        restart=True,
    )
    assert shop.error is None
    time.sleep(3)
    told = service.told()
    assert sorted(told) == sorted(shop.orders), "somebody heard twice"
    return told


def test_brokers_that_stand_still_and_then_die(own_broker, topic_prefix, tmp_path):
    """SIGSTOP, SIGCONT, SIGKILL, start: what waited goes on, under the same ids."""
    with MailReceiver() as relay, ExitStack() as stack:
        service = Service(stack, own_broker, topic_prefix, tmp_path, relay)
        shop = Shop(service.settings, seconds=SILENCE + 15)
        wait_until(lambda: shop.error or len(service.told()) > 5, *service.workers, restart=True)
        own_broker.pause()
        time.sleep(SILENCE)
        own_broker.resume()
        heard = len(service.told())
        wait_until(lambda: len(service.told()) > heard, *service.workers, restart=True)
        own_broker.kill()
        time.sleep(2)
        own_broker.restart()
        told = finish(service, shop)
        print(
            f"\n{len(shop.orders)} wrong boxes, {len(told)} mails, 0 twice, 0 lost; restarts {service.restarts()}"
        )


def test_any_worker_killed_at_any_moment(kafka, topic_prefix, tmp_path):
    """SIGKILL of ingest, fold and effects in turns at random moments, while boxes are packed wrongly."""
    whims = random.Random(8)
    with MailReceiver() as relay, ExitStack() as stack:
        service = Service(stack, kafka, topic_prefix, tmp_path, relay)
        shop = Shop(service.settings, seconds=ROUNDS * 3)
        for number in range(ROUNDS):
            time.sleep(whims.uniform(0.5, 4))
            worker = service.workers[number % 3]
            worker.kill()
            worker.start()
        told = finish(service, shop)
        print(f"\n{len(shop.orders)} wrong boxes, {len(told)} mails, 0 twice, 0 lost; {ROUNDS} kills")
