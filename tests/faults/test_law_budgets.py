"""Law 6: no budget is ever exceeded by a cent, whatever the order of arrival, the number of workers and their ends."""

import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from streams.core.policy import Budgets
from streams.storage.engine import open_engine
from streams.storage.tables import ALLOWANCES, BALANCES, BOOKINGS
from tests.across_rig import FRIDAY, place
from tests.across_rig import request as asking
from tests.worker_processes import LONG, ROOT

COUNT = 40_000 if LONG else 10_000
WORKERS = 4
DAYS = 25
CUSTOMERS = 300
ANSWERS = {"granted", "customer", "day", "total"}
# Judges its share in its order, and writes each answer down when it has it: at once, or never when it is killed.
WORKER = """
import sys
from tests.faults.test_law_budgets import work

work(*sys.argv[1:])
"""


def requests():
    """Return who asks for what and when; the same in every process."""
    dice = random.Random(6)
    return [
        (
            asking(n, dice.randrange(1, 3000), customer=f"c{dice.randrange(CUSTOMERS)}"),
            FRIDAY + timedelta(days=dice.randrange(DAYS)),
        )
        for n in range(COUNT)
    ]


def budgets(count=COUNT):
    """Return budgets of which each is exceeded by what so many requests would like."""
    whole = {"customer": 17_003, "day": 200_001, "total": 4_500_007}
    return Budgets(**{name: {"USD": minor * count // COUNT} for name, minor in whole.items()})


def share(worker, count):
    """Return what a worker is asked: its own part and a tenth of everybody's, shuffled, some of it twice."""
    dice = random.Random(worker)
    every = requests()
    mine = [n for n in range(count) if n % WORKERS == worker or n % 10 == 0]
    mine += dice.sample(mine, len(mine) // 10)
    dice.shuffle(mine)
    return [every[n] for n in mine]


def work(url, worker, answers, lock, count):
    """Be a worker that was started, perhaps not for the first time; it begins at its first request again."""
    if lock == "without":
        without_turns()
    done = {allowance_id for allowance_id, _ in written(Path(answers))[:-20]}  # but the last few once more
    with place(url) as judging, Path(answers).open("a", encoding="utf-8") as file:
        allowances = judging(budgets=budgets(int(count)))
        file.write("\n")  # whatever its predecessor was writing ends here
        sys.stdin.readline()
        for one, now in share(int(worker), int(count)):
            if one.allowance_id not in done:
                answer = judged(allowances, one, now, lock)
                file.write(f"{one.allowance_id} {answer}\n")
                file.flush()


def without_turns():
    """Let everybody look and book as they please, with time to think between the two."""
    from streams.across import purse, turn

    turn._TAKE["postgresql"] = "SELECT 1"
    look = purse.Purse.refusal

    def look_and_think(*asked):
        found = look(*asked)
        time.sleep(0.002)  # else a machine with one free core may never show what the lock is for
        return found

    purse.Purse.refusal = look_and_think


def judged(allowances, one, now, lock):
    from streams.problems import Problem

    for _ in range(100):
        try:
            return getattr(allowances.judge(one, now), "limit", "granted")
        except Problem:
            if lock != "without":  # two that ask the same at once: the lock is there against that
                raise
    raise AssertionError("it cannot be judged at all")


def written(path):
    """Return the answers in a worker's file, by id; a half-written line is none."""
    lines = [line.split(" ") for line in path.read_text().split("\n")] if path.exists() else []
    return [tuple(parts) for parts in lines if len(parts) == 2 and parts[1] in ANSWERS]


class Crew:
    """Workers as processes, killed now and then and started again until all of them have come to their end."""

    def __init__(self, url, folder, *, count=COUNT, lock="with"):
        self.url, self.count, self.lock, self.kills = url, count, lock, 0
        self.answers = [folder / f"{worker}.txt" for worker in range(WORKERS)]
        self.processes = [self._start(worker) for worker in range(WORKERS)]

    def _start(self, worker):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                WORKER,
                self.url,
                str(worker),
                str(self.answers[worker]),
                self.lock,
                str(self.count),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            text=True,
        )
        process.stdin.write("go\n")
        process.stdin.close()
        return process

    def run(self, *, kills):
        """Let them work; kill one whenever they have come on by another share of the whole."""
        deadline = time.monotonic() + 600
        marks = [(number + 1) * self.count // (kills + 2) for number in range(kills)]
        try:
            while not all(process.poll() == 0 for process in self.processes):
                assert time.monotonic() < deadline
                assert not any(process.poll() for process in self.processes), "a worker failed"
                if self.kills < len(marks) and self._lines() >= marks[self.kills]:
                    self._kill(self.kills % WORKERS)
                time.sleep(0.02)
        finally:
            for process in self.processes:
                process.kill()
                process.wait()

    def _kill(self, worker):
        self.processes[worker].kill()
        self.processes[worker].wait()
        self.processes[worker] = self._start(worker)
        self.kills += 1

    def _lines(self):
        return sum(path.read_bytes().count(b"\n") for path in self.answers if path.exists())

    def told(self):
        """Return every answer that a worker has had, by id."""
        answers = defaultdict(list)
        for path in self.answers:
            for allowance_id, answer in written(path):
                answers[allowance_id].append(answer)
        return answers


def books(url):
    """Return what is booked: by id, by customer, by day and in all, and the balances beside it."""
    engine = open_engine(url)
    with engine.connect() as connection:
        booked = {
            allowance_id: (int(minor), customer, at[:10])
            for allowance_id, minor, customer, at in connection.execute(
                select(BOOKINGS.c.allowance_id, BOOKINGS.c.minor, BOOKINGS.c.customer, BOOKINGS.c.booked_at)
            )
        }
        balances = {
            (scope, name): int(spent)
            for scope, name, spent in connection.execute(
                select(BALANCES.c.scope, BALANCES.c.name, BALANCES.c.spent)
            )
        }
        entries = connection.execute(select(func.count()).select_from(ALLOWANCES)).scalar_one()
    engine.dispose()
    return booked, balances, entries


def sums(booked):
    """Return what is spent per scope, added up from single bookings."""
    spent = Counter()
    for minor, customer, day in booked.values():
        for scope in (("customer", customer), ("day", day), ("total", "")):
            spent[scope] += minor
    return spent


def left(spent, count):
    """Return in cents what is left of each kind of budget, where least is left of it; below zero is too late."""
    limits = {name: getattr(budgets(count), name)["USD"] for name in ("customer", "day", "total")}
    return {
        name: min(most - minor for (scope, _), minor in spent.items() if scope == name)
        for name, most in limits.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(("database", "count"), [("postgresql", COUNT), ("sqlite", COUNT // 5)])
def test_four_workers_never_exceed_a_budget(request, tmp_path, database, count):
    """10,000 requests, some asked by several workers, four of which are killed in the middle of it."""
    url = request.getfixturevalue("postgres") if database == "postgresql" else str(tmp_path / "x.db")
    with place(url):
        pass  # the tables
    began = time.monotonic()
    crew = Crew(url, tmp_path, count=count)
    crew.run(kills=4)
    took = time.monotonic() - began
    booked, balances, entries = books(url)
    spent, told = sums(booked), crew.told()
    asked = {one.allowance_id: one for one, _ in requests()[:count]}
    granted = {allowance_id for allowance_id, answers in told.items() if "granted" in answers}
    answers = sum(map(len, told.values()))

    print(f"\n{database}: {len(asked)} requests, {answers} answers, {round(answers / took)} a second,")
    print(f"{crew.kills} killed, {Counter(first for first, *_ in told.values())}, {left(spent, count)}")
    assert crew.kills == 4
    assert min(left(spent, count).values()) >= 0, "exceeded"
    assert granted == set(booked), "a grant was lost, or is booked and nobody was told of it"
    assert {name: minor for name, (minor, *_) in booked.items()} == {
        name: asked[name].costs[0].minor for name in booked
    }, "not what was asked"
    assert {len(set(answers)) for answers in told.values()} == {1}, "two answers to one question"
    assert (set(told), entries) == (set(asked), len(asked))
    assert {scope: minor for scope, minor in balances.items() if scope[0] in {"day", "total"}} == {
        scope: minor for scope, minor in spent.items() if scope[0] in {"day", "total"}
    }, "the balances are not the sum of what was granted"
    assert balances["campaign", "standard"] == spent["total", ""]


def test_at_the_limit_everything_further_is_refused(postgres):
    """One cent is left: it is granted once, and after that nothing, to nobody, on no day."""
    with place(postgres) as judging:
        allowances = judging(budgets=Budgets(total={"USD": 10_001}))
        answers = [
            allowances.judge(asking(n, cost, customer=f"c{n}"), FRIDAY + timedelta(days=n))
            for n, cost in enumerate((10_000, 2, 1, *[1] * 200))
        ]

    limits = [getattr(one, "limit", "granted") for one in answers]
    assert limits == ["granted", "total", "granted", *["total"] * 200]


@pytest.mark.slow
def test_without_the_lock_budgets_are_exceeded(postgres, tmp_path):
    """The law bites: the same workers without their turns spend more than there is."""
    count = COUNT // 2
    with place(postgres):
        pass  # the tables
    Crew(postgres, tmp_path, count=count, lock="without").run(kills=0)
    booked, _, _ = books(postgres)

    assert min(left(sums(booked), count).values()) < 0


@pytest.mark.parametrize("threads", [8])
def test_threads_of_one_process_never_exceed_a_budget(tmp_path, threads):
    """On one machine it is threads that ask, and one SQLite file that answers."""
    from concurrent.futures import ThreadPoolExecutor

    count = 3000
    with place(str(tmp_path / "x.db")) as judging:
        allowances = judging(budgets=budgets(count))
        every = requests()[:count]
        began = time.monotonic()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda one: allowances.judge(*one), [*every, *every[::3]]))
        print(f"\n{round(4000 / (time.monotonic() - began))} judged per second")
    booked, balances, _ = books(str(tmp_path / "x.db"))
    spent = sums(booked)

    assert 0 <= min(left(spent, count).values()) < 1000
    assert balances["total", ""] == spent["total", ""]
    assert sum(minor for (scope, _), minor in balances.items() if scope == "day") == spent["total", ""]
