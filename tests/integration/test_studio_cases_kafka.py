"""Beside the service the studio finds its letters at the end of the outbox, and joins nothing to read them."""

import asyncio

from streams.ops.recent_letters import in_topics
from tests.effects_rig import decide, label, mail
from tests.service_rig import Deployment, put
from tests.studio_rig import studio


def test_the_newest_letters_of_the_outbox_are_seen_masked(kafka, topic_prefix, tmp_path):
    """Mails of every partition, each once, without labels and without records that nobody can read."""
    deployment = Deployment(kafka, topic_prefix, tmp_path)
    deployment.declare()
    folder = tmp_path / "words"
    folder.mkdir()

    async def write():
        mails = [mail(number, to=f"person{number}@example.org") for number in range(30)]
        await decide(deployment, label(1), *mails, at_once=4)
        await decide(deployment, *mails[:5])
        await put(deployment.settings, deployment.topics.outbox.name, [(0, b"no block at all")])

    asyncio.run(write())
    found = in_topics(deployment.settings, 20)
    environ = {name: text for name, text in deployment.environ().items() if name.startswith("FIRSTWORD_")}
    with studio(folder, "--kafka", kafka.bootstrap, **environ) as room:
        listed = room.get("/api/cases")
        cases = listed.json["cases"]
        shown = room.preview(message=cases[0]["message"], sample="", case=cases[0]["id"])

    assert len({one.message.message_id for one in found}) == len(found) == 20
    assert {one.message.letter.to.partition("@")[2] for one in found} == {"example.org"}
    assert len(cases) == 30
    assert shown.status == 200
    assert b"example.org" not in listed.body + shown.body
    assert b"ORD-" not in listed.body + shown.body
