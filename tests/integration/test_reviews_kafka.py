"""`firstword reviews` over real topics: what the workers asked is shown with its mail, and a word goes back to them."""

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from tests.command_line import document, firstword
from tests.ingest_rig import deploy, put
from tests.ndjson import MINUTE, swapped
from tests.service_rig import records
from tests.worker_processes import wait_until

ORDER = "ORD-DEAR"


def test_a_review_of_the_service_is_decided_by_a_command(kafka, topic_prefix, tmp_path):
    """Ingest and fold ask a person; the command shows it, hands the word over, and the fold goes on with it."""
    rules = tmp_path / "at-once.toml"
    rules.write_text('[respond.wrong_item]\nsettle = "0s"\n', "utf-8")
    deployment = deploy(kafka, topic_prefix, tmp_path, policy=rules)
    environ = {name: text for name, text in deployment.environ().items() if name.startswith("FIRSTWORD_")}
    now = datetime.now(UTC)
    price = {"unit_price": {"minor": 9_000_000, "currency": "USD"}}
    events = swapped(ORDER, now - 200 * MINUTE, line=price, by=(now + timedelta(days=9)).date().isoformat())
    asyncio.run(put(deployment, "orders", events))

    def reviews(*arguments):
        return firstword("reviews", *arguments, "--kafka", kafka.bootstrap, "--json", **environ)

    def standing():
        return [one["standing"] for one in document(reviews("list", "--all"))["reviews"]]

    with ExitStack() as stack:
        for role in ("ingest", "fold"):
            stack.callback(deployment.worker(role).close)
        wait_until(lambda: standing() == ["waiting"], seconds=90)
        shown = document(reviews("show", ORDER))
        said = document(reviews("approve", ORDER, "--by", "mo", "--only", "expedited_replacement"))
        wait_until(lambda: standing() == ["approved"], seconds=90)
        again = reviews("refuse", ORDER, "--by", "kim")
        topic = deployment.topics.decisions
        wait_until(lambda: b"replacement.requested.v1" in _said(deployment, topic), seconds=90)

    assert "Brush markers" in shown["yes"]["mail"]["text"]
    assert [one["remedy"] for one in said["follows"]["remedies"]] == ["expedited_replacement"]
    assert (said["done"], said["taken"]) == (True, None)
    assert (again.returncode, document(again)["review"]["by"]) == (1, "mo")
    assert b"return_label.requested.v1" not in _said(deployment, topic)


def _said(deployment, topic):
    """Return the public log as one piece."""
    found = asyncio.run(records(deployment.settings, topic.name, topic.partitions))
    return b"\n".join(one.value for one in found)
