"""The answers page over real topics: however many press at once, one fact is sent to where the service reads."""

import asyncio
import threading
from collections import Counter

from streams.codec.envelope import decode_envelope
from streams.links import ANSWERS
from streams.settings import load
from streams.web.answers.serve import furnish
from tests import answers_rig as rig
from tests.ingest_rig import SOURCES, deploy, source
from tests.service_rig import records
from tests.web_rig import Client

AT_ONCE = 8


def test_answers_go_to_the_topic_of_our_own_events(kafka, topic_prefix, tmp_path):
    """One record per answer, with the order as its key; looking and pressing again send nothing."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    environ = {name: text for name, text in deployment.environ().items() if name.startswith("FIRSTWORD_")}
    settings = load({**environ, "FIRSTWORD_LINK_SECRET": rig.SECRET})
    told = []
    with rig.serving(furnish(settings, kafka=True)) as base:
        gate = threading.Barrier(AT_ONCE)

        def press():
            gate.wait(20)
            told.append("We have noted it<" in Client(base).ask("POST", rig.link(), "answer=stop").text)

        threads = [threading.Thread(target=press) for _ in range(AT_ONCE)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
        for answer in ANSWERS:
            assert Client(base).get(rig.link(answer)).status == 200
            Client(base).ask("POST", rig.link(answer), f"answer={answer}")

    topic = source(deployment, "orders")
    sent = asyncio.run(records(settings, topic, SOURCES["orders"]))
    facts = [decode_envelope(record.value) for record in sent]
    assert Counter(told) == {True: 1, False: AT_ONCE - 1}
    assert [fact.type for fact in facts] == ["choice.made.v1"] * len(ANSWERS)
    assert len({fact.id for fact in facts}) == len(ANSWERS)
    assert {record.key for record in sent} == {rig.ORDER.encode()}
