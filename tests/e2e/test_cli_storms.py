"""`firstword storms`: mails that were held are listed, two different people let them go, and the next run sends them."""

from tests.command_line import document, firstword, ndjson

POLICY = "[brake]\nmost = 2\n"


def late(number):
    """Return an order promised for Tuesday that is under way with one carrier."""
    order = f"ORD-{number}"
    head = {"specversion": "1.0", "source": "shop", "subject": order}
    customer = {
        "customer_id": f"C-{number}",
        "email": f"c{number}@example.com",
        "time_zone": "America/New_York",
    }
    placed = {
        "order_id": order,
        "customer": customer,
        "lines": [{"sku": "ARMCHAIR", "quantity": 1}],
        "promise": {"by": "2026-11-24"},
    }
    shipped = {
        "order_id": order,
        "shipment_id": f"S-{number}",
        "carrier": "Example Post",
        "tracking_number": f"EX{number}",
    }
    scanned = {"order_id": order, "shipment_id": f"S-{number}", "status": "in_transit"}
    return [
        {
            **head,
            "id": f"{number}a",
            "type": "order.placed.v1",
            "time": "2026-11-20T15:00:00Z",
            "data": placed,
        },
        {
            **head,
            "id": f"{number}b",
            "type": "shipment.created.v1",
            "time": "2026-11-20T16:00:00Z",
            "data": shipped,
        },
        {
            **head,
            "id": f"{number}c",
            "type": "checkpoint.reached.v1",
            "time": "2026-11-23T16:00:00Z",
            "data": scanned,
        },
    ]


def test_a_storm_is_released_by_two_people(tmp_path):
    """Two of five mails go out; the same name twice is one person; a second one lets the others go."""
    shop, policy = tmp_path / "shop", tmp_path / "policy.toml"
    policy.write_text(POLICY, encoding="utf-8")
    rows = sorted((row for number in range(5) for row in late(number)), key=lambda row: row["time"])
    (tmp_path / "events.ndjson").write_text(ndjson(rows), encoding="utf-8")

    def run(until):
        done = firstword(
            "run", "--data", shop, "--policy", policy, "--clock", "history", "--until", until, "--json",
            "--source", tmp_path / "events.ndjson",
        )  # fmt: skip  # one line per thought
        assert done.returncode == 0, done.stderr + done.stdout
        return len(list((shop / "mail" / "new").glob("*")))

    def storms(*arguments):
        done = firstword("storms", *arguments, "--data", shop, "--policy", policy, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return document(done)

    first = run("2026-11-25T16:00:00Z")
    (storm,) = storms("list")["storms"]
    said = [storms("release", storm["storm"], "--by", name)["state"] for name in ("mo", "mo", "dana")]
    second = run("2026-11-25T18:00:00Z")

    assert (first, storm["waiting"], storm["people"]) == (2, 3, 2)
    assert said == ["open", "open", "released"]
    assert second == 5
    assert storms("list")["storms"] == []
