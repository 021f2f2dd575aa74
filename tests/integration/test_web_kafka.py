"""The console over real topics: what the workers decided is shown, and a person's verdict goes back to them."""

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from tests.ingest_rig import deploy, put
from tests.ndjson import MINUTE, swapped
from tests.service_rig import records
from tests.web_rig import TOKENS, Client
from tests.web_shop import DEAR, console, eventually


def test_a_review_of_the_service_is_decided_in_the_console(kafka, topic_prefix, tmp_path):
    """Ingest and fold ask a person; the console shows it, hands the verdict over, and the fold goes on with it."""
    rules = tmp_path / "at-once.toml"
    rules.write_text('[respond.wrong_item]\nsettle = "0s"\n')
    deployment = deploy(kafka, topic_prefix, tmp_path, policy=rules)
    now = datetime.now(UTC)
    price = {"unit_price": {"minor": 9_000_000, "currency": "USD"}}
    promise = (now + timedelta(days=9)).date().isoformat()
    events = swapped(DEAR, now - 200 * MINUTE, line=price, by=promise)
    asyncio.run(put(deployment, "orders", events))
    environ = {name: text for name, text in deployment.environ().items() if name.startswith("FIRSTWORD_")}
    with ExitStack() as stack:
        for role in ("ingest", "fold"):
            stack.callback(deployment.worker(role).close)
        kafka_option = ("--kafka", deployment.settings.kafka)
        base = stack.enter_context(console(deployment.settings.data, *kafka_option, wait_for="", **environ))
        client = Client(base).sign_in("approver")
        eventually(lambda: DEAR in client.get("/reviews").text, within=90)
        review = client.get("/reviews").text.partition('<article class="card" id="')[2].partition('"')[0]
        answer = client.post("/reviews", review_id=review, verdict="approve", note="our mistake")
        assert answer.location == "/reviews?done=approved"
        eventually(lambda: "Nothing waits for a decision." in client.get("/reviews").text, within=90)
        story = client.get(f"/order?id={DEAR}").text
        assert "Ada approved the review" in story
        topic = deployment.topics.decisions
        decided = asyncio.run(records(deployment.settings, topic.name, topic.partitions))
    assert any(b"replacement.requested.v1" in record.value for record in decided)
    assert TOKENS["approver"] not in story
