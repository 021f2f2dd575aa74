"""What is granted across orders: once per id and for ever, up to the cent, and slowly when it is unusual."""

from collections import Counter
from datetime import timedelta

import pytest

from streams.core.events import AllowanceGranted, AllowanceHeld, AllowanceRefused
from streams.core.money import Money
from streams.core.policy import Brake, Budgets, Customers
from streams.problems import Problem
from tests.across_rig import FRIDAY, mail, place, request

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def judging(request):
    """What makes an ``Allowances`` over a fresh database."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")
    else:
        url = str(request.getfixturevalue("tmp_path") / "allowances.db")
    with place(url) as judging:
        yield judging


def limits(allowances, requests, now=FRIDAY):
    """Return the answers as words: ``granted``, ``held``, or the limit of a refusal."""
    return [word(allowances.judge(one, now)) for one in requests]


def word(answer):
    match answer:
        case AllowanceRefused():
            return answer.limit
        case AllowanceHeld():
            return "held"
        case AllowanceGranted():
            return "granted" if answer.apology else "granted, no apology"


# ---------------------------------------------------------------------------- budgets


def test_a_budget_is_used_up_to_the_cent(judging):
    """What fits is granted whole; what does not is refused whole, in words; smaller ones may still fit."""
    allowances = judging(budgets=Budgets(total={"USD": 1000}))

    assert limits(allowances, [request("a", 400), request("b", 300, 300)]) == ["granted", "granted"]
    assert limits(allowances, [request("c", 1)]) == ["total"]
    assert allowances.judge(request("c", 1), FRIDAY).reads == (
        "The budget for everything is 10.00 USD; 10.00 USD are spent, and this costs 0.01 USD."
    )
    assert limits(allowances, [request("d"), request("e", 0)]) == ["granted", "granted"]


def test_the_same_question_has_the_same_answer(judging):
    """Granted or refused, under another policy, on another day: and it is booked once."""
    allowances = judging(budgets=Budgets(total={"USD": 1000}))
    first = limits(allowances, [request("a", 600), request("b", 600)])
    later = judging(budgets=Budgets(total={"USD": 1300}))

    assert first == ["granted", "total"]
    assert limits(later, [request("a", 600), request("b", 600)], FRIDAY + 400 * DAY) == first
    assert limits(later, [request("c", 700), request("d", 1)]) == ["granted", "total"]


def test_the_first_limit_is_named(judging):
    """The customer's, the day's, the campaign's, all of it, and then the history."""
    budgets = {"customer": 100, "day": 200, "campaign": 300, "total": 400}

    def without(*names):
        named = {name: {"USD": most} for name, most in budgets.items() if name not in names}
        return judging(budgets=Budgets(**named), customers=Customers(failures=1))

    assert limits(without(), [request("z", 1), request("a", 1000)]) == ["granted", "customer"]
    assert limits(without("customer"), [request("b", 1000)]) == ["day"]
    assert limits(without("customer", "day"), [request("c", 1000)]) == ["campaign"]
    assert limits(without("customer", "day", "campaign"), [request("d", 1000)]) == ["total"]
    assert limits(without("customer", "day", "campaign"), [request("e", 10)]) == ["history"]


def test_a_customer_has_a_budget_of_365_days(judging):
    """Others have their own; what is older than that is forgotten, to the second."""
    allowances = judging(budgets=Budgets(customer={"USD": 1000}))

    assert limits(allowances, [request("a", 1000), request("b", 1)]) == ["granted", "customer"]
    assert limits(allowances, [request("c", 1000, customer="c2")]) == ["granted"]
    second = timedelta(seconds=1)
    assert limits(allowances, [request("d", 1)], FRIDAY + 365 * DAY - second) == ["customer"]
    assert limits(allowances, [request("e", 1000)], FRIDAY + 365 * DAY) == ["granted"]


def test_a_day_is_one_of_utc(judging):
    """The next one begins at midnight."""
    allowances = judging(budgets=Budgets(day={"USD": 1000}))
    midnight = FRIDAY.replace(hour=0, minute=0) + DAY

    assert limits(allowances, [request("a", 1000), request("b", 1)]) == ["granted", "day"]
    assert limits(allowances, [request("c", 1)], midnight - timedelta(microseconds=1)) == ["day"]
    assert limits(allowances, [request("d", 1000)], midnight) == ["granted"]


def test_campaigns_have_their_own_and_share_the_total(judging):
    budgets = Budgets(campaign={"USD": 1000}, total={"USD": 1500})
    spring, autumn = judging(campaign="spring", budgets=budgets), judging(campaign="autumn", budgets=budgets)

    assert limits(spring, [request("a", 1000), request("b", 1)]) == ["granted", "campaign"]
    assert limits(autumn, [request("c", 500), request("d", 1)]) == ["granted", "total"]


def test_currencies_are_apart(judging):
    """One that the policy does not name is not limited; a request in two is granted whole or not at all."""
    allowances = judging(budgets=Budgets(total={"USD": 1000, "JPY": 500}))
    yen, euro = Money(minor=500, currency="JPY"), Money(minor=10**9, currency="EUR")

    assert limits(allowances, [request("a", 900, yen), request("b", 50, yen)]) == ["granted", "total"]
    assert limits(allowances, [request("c", 100, euro), request("d", euro)]) == ["granted", "granted"]
    assert limits(allowances, [request("e", 1)]) == ["total"]


def test_a_persons_word_is_booked_and_never_refused(judging):
    """It counts against what is left, beyond the limit if need be; words that cost nothing still pass."""
    allowances = judging(budgets=Budgets(day={"USD": 1000}), customers=Customers(failures=1))

    assert limits(allowances, [request("a", 900)]) == ["granted"]
    assert limits(allowances, [request("b", 900, approved=True, customer="c1")]) == ["granted"]
    assert limits(allowances, [request("c", 1, customer="c2"), request("d", customer="c3")]) == [
        "day",
        "granted",
    ]


# ---------------------------------------------------------------------------- a customer's history


def test_from_some_case_on_a_person_decides(judging):
    """Cases are counted and not requests; a case keeps its place; old ones and other people's do not count."""
    allowances = judging(customers=Customers(failures=2, failures_within=timedelta(days=90)))
    cases = [request("a", case="A"), request("a2", case="A"), request("b", case="B"), request("c", case="C")]

    assert limits(allowances, cases) == ["granted", "granted", "granted", "history"]
    assert limits(allowances, [request("a3", case="A"), request("c2", case="C")]) == ["granted", "history"]
    assert limits(allowances, [request("c3", case="C", approved=True)]) == ["granted"]
    assert limits(allowances, [request("d", case="D", customer="c2")]) == ["granted"]
    assert limits(allowances, [request("e", case="E")], FRIDAY + 90 * DAY) == ["granted"]
    assert allowances.judge(cases[-1], FRIDAY).reads == (
        "2 cases of this customer came before this one within 90 days; from 2 on a person decides."
    )


def test_sorry_is_said_so_often(judging):
    """Then mails go on without it; those that never wanted it are not counted, and old ones are forgotten."""
    allowances = judging(customers=Customers(apologies=2, apologies_within=timedelta(days=90)))
    first = [mail("a", customer="c1", apology=True), mail("b", customer="c1")]
    then = [mail(name, customer="c1", apology=True) for name in "cde"]

    assert limits(allowances, first) == ["granted", "granted"]
    assert limits(allowances, then) == ["granted", *["granted, no apology"] * 2]
    assert limits(allowances, then[:2]) == ["granted", "granted, no apology"]
    assert limits(allowances, [mail("f", customer="c2", apology=True)]) == ["granted"]
    assert limits(allowances, [mail("g", customer="c1", apology=True)], FRIDAY + 90 * DAY) == ["granted"]


# ---------------------------------------------------------------------------- the brake


def over_an_hour(count, first=0, **parts):
    """Return so many mails, spread over an hour, each with its time."""
    step = HOUR / max(count, 1)
    return [(mail(first + number, **parts), FRIDAY + number * step) for number in range(count)]


def all_due(allowances, now):
    """Return all answers that wait, told as they come."""
    found = []
    while some := allowances.due(now):
        assert len(some) <= 300
        allowances.told(one.allowance_id for one in some)
        found += some
    return found


def test_a_storm_is_held_until_two_people_have_looked(judging):
    """5,000 mails of one carrier within an hour: so many go, the rest waits; released, each is told once."""
    allowances = judging(brake=Brake(most=200, people=2, sample=10), customers=Customers(apologies=1))
    mails = [
        (mail(n, kind=("lost", "damaged", "late_delivery")[n % 3], carrier="crawl", apology=True), at)
        for n, (_, at) in enumerate(over_an_hour(5000))
    ]
    answers = [allowances.judge(one, at) for one, at in mails]
    (storm,) = [storm for storm in allowances.storms() if storm.dimension == "carrier"]
    held = {one.allowance_id for one in answers if isinstance(one, AllowanceHeld)}
    end = FRIDAY + HOUR

    assert Counter(map(word, answers)) == {"granted": 200, "held": 4800}
    assert (storm.value, storm.waiting, storm.state, storm.said) == ("crawl", 4800, "open", ())
    assert len(storm.sample) == 10
    assert {allowance_id for _, allowance_id in storm.sample} <= held
    assert all_due(allowances, end) == []

    allowances.decide(storm.storm_id, by="Ida", release=True, now=end)
    again = allowances.decide(storm.storm_id, by=" ida ", release=True, now=end)
    assert (again.state, len({one.by.casefold().strip() for one in again.said})) == ("open", 1)
    assert all_due(allowances, end) == []

    both = allowances.decide(storm.storm_id, by="Bob", release=True, now=end)
    assert both.state == "released"
    due = all_due(allowances, end)
    assert Counter(one.allowance_id for one in due) == Counter(held)
    assert set(map(word, due)) == {"granted"}
    assert (all_due(allowances, end), allowances.storms()) == ([], ())
    assert allowances._turns.read(allowances._braking.unsettled) == []  # nobody looks for them for ever
    assert word(allowances.judge(mails[-1][0], end)) == "granted"


@pytest.mark.parametrize("sort", [{"kind": "lost"}, {"carrier": "crawl"}, {"station": "7"}])
def test_each_sort_has_a_brake(judging, sort):
    """Kind, carrier and station; mails of another sort go on, and so do remedies."""
    allowances = judging(brake=Brake(most=3))
    kinds = ("damaged", "late_delivery", "lost", "wrong_item", "short_shipment")
    mails = [mail(n, **{"kind": kinds[n], **sort}) for n in range(5)]

    assert limits(allowances, mails) == ["granted"] * 3 + ["held"] * 2
    assert limits(allowances, [mail("o", kind="at_risk", carrier="swift", station="8")]) == ["granted"]
    assert limits(allowances, [request("r", **{"kind": "lost", **sort})]) == ["granted"]
    assert [(storm.dimension, storm.value) for storm in allowances.storms()] == list(sort.items())


def test_what_is_owed_or_approved_passes(judging):
    """The law and a person's word do not wait for the weather."""
    allowances = judging(brake=Brake(most=2))

    assert limits(allowances, [mail(n) for n in range(4)]) == ["granted"] * 2 + ["held"] * 2
    assert limits(allowances, [mail("o", owed=True), mail("p", approved=True)]) == ["granted"] * 2


def test_the_window_slides(judging):
    """Slowly enough is never a storm; and it is not the clock's hour that counts."""
    allowances = judging(brake=Brake(most=10, window=HOUR))
    slow = [allowances.judge(mail(n), FRIDAY + n * 7 * MINUTE) for n in range(40)]
    start = FRIDAY + 2 * DAY
    fast = [allowances.judge(mail(f"f{n}"), start + n * 5 * MINUTE) for n in range(40)]

    assert set(map(word, slow)) == {"granted"}
    assert list(map(word, fast)) == ["granted"] * 10 + ["held"] * 30


def test_the_usual_is_not_a_storm(judging):
    """Who has a hundred an hour every day is braked at five times as many, and not at ten."""
    allowances = judging(brake=Brake(most=10, factor=2, usual_days=2, window=HOUR))
    big = judging(brake=Brake(most=10**6, usual_days=2))  # the same tables, a brake that never brakes
    for n in range(2 * 24 * 20):
        big.judge(mail(n), FRIDAY.replace(hour=0, minute=0) + n * 3 * MINUTE)
    answers = [allowances.judge(mail(f"n{n}"), FRIDAY + 2 * DAY) for n in range(60)]

    assert list(map(word, answers)) == ["granted"] * 40 + ["held"] * 20


def test_one_refusal_refuses(judging):
    """Of those that have said yes before it, too; what comes later begins another storm."""
    allowances = judging(brake=Brake(most=2, people=3))
    mails = [mail(n) for n in range(5)]
    limits(allowances, mails)
    (storm,) = allowances.storms()
    for name, release in (("Ida", True), ("Bob", True), ("Ida", False)):
        allowances.decide(storm.storm_id, by=name, release=release, now=FRIDAY)
    too_late = allowances.decide(storm.storm_id, by="Eve", release=True, now=FRIDAY)

    assert (too_late.state, [one.by for one in too_late.said if one.release]) == ("refused", ["Bob"])
    assert [word(one) for one in all_due(allowances, FRIDAY)] == ["storm"] * 3
    assert limits(allowances, [mails[0], mails[4], mail("n")]) == ["granted", "storm", "held"]
    assert [one.storm_id != storm.storm_id for one in allowances.storms()] == [True]


def test_a_released_sort_passes_until_it_was_quiet_for_a_window(judging):
    """The storm goes on and passes; when it is over and another begins, people are asked again."""
    allowances = judging(brake=Brake(most=5, people=1, window=HOUR))
    limits(allowances, [mail(n) for n in range(8)])
    allowances.decide(allowances.storms()[0].storm_id, by="Ida", release=True, now=FRIDAY)

    blowing = [allowances.judge(mail(f"b{n}"), FRIDAY + n * 5 * MINUTE) for n in range(48)]
    assert set(map(word, blowing)) == {"granted"}
    calm = FRIDAY + 47 * 5 * MINUTE
    assert limits(allowances, [mail(f"s{n}") for n in range(30)], calm + 30 * MINUTE) == ["granted"] * 30
    assert limits(allowances, [mail("last")], calm + 4 * HOUR) == ["granted"]
    again = limits(allowances, [mail(f"n{n}") for n in range(8)], calm + 4 * HOUR)
    assert again == ["granted"] * 4 + ["held"] * 4


def test_what_waited_is_judged_anew(judging):
    """Nothing is booked while it waits: others may use it up. Asked before it was told, it has its answer."""
    allowances = judging(brake=Brake(most=1, people=1), budgets=Budgets(total={"USD": 1000}))
    first, second, third = (
        request(n, cost, purpose="message", customer=n) for n, cost in (("a", 100), ("b", 500), ("c", 500))
    )

    assert limits(allowances, [first, second, third]) == ["granted", "held", "held"]
    assert limits(allowances, [request("d", 400)]) == ["granted"]
    allowances.decide(allowances.storms()[0].storm_id, by="Ida", release=True, now=FRIDAY)
    assert limits(allowances, [third, second]) == ["granted", "total"]
    due = {one.allowance_id: word(one) for one in all_due(allowances, FRIDAY)}
    assert due == {third.allowance_id: "granted", second.allowance_id: "total"}
    assert limits(allowances, [request("e", 1)]) == ["total"]


def test_what_was_not_told_is_due_again(judging):
    """A process that ends between hearing and telling loses nothing."""
    allowances = judging(brake=Brake(most=1, people=1))
    limits(allowances, [mail(n) for n in range(3)])
    allowances.decide(allowances.storms()[0].storm_id, by="Ida", release=True, now=FRIDAY)
    both = allowances.due(FRIDAY)
    allowances.told([both[0].allowance_id])

    assert len(both) == 2
    assert allowances.due(FRIDAY) == both[1:]


def test_who_decides_says_who_and_on_what(judging):
    allowances = judging(brake=Brake(most=1))
    limits(allowances, [mail(n) for n in range(2)])
    (storm,) = allowances.storms()
    codes = []
    for storm_id, by in ((storm.storm_id, " \n"), ("storm_none", "Ida")):
        with pytest.raises(Problem) as caught:
            allowances.decide(storm_id, by=by, release=True, now=FRIDAY)
        codes.append(caught.value.code)

    assert codes == ["storm-nobody", "storm-unknown"]
    assert allowances.storms() == (storm,)


def test_strange_words_are_no_obstacle(judging):
    """A carrier's name is other people's text: long, or with what PostgreSQL does not take."""
    allowances = judging(brake=Brake(most=1))
    mails = [mail(n, carrier="c\0" + "ä" * 3999, station="'; --") for n in range(2)]

    assert limits(allowances, mails) == ["granted", "held"]


def test_a_database_that_does_not_answer(own_postgres):
    """Said as a problem that passes; nothing was granted, and the next try is a first one."""
    with place(own_postgres.url) as judging:
        allowances = judging(budgets=Budgets(total={"USD": 1000}))
        own_postgres.kill()
        with pytest.raises(Problem) as caught:
            allowances.judge(request("a", 1000), FRIDAY)
        own_postgres.restart()
        after = limits(allowances, [request("a", 1000), request("b", 1)])

    assert (caught.value.code, caught.value.retriable) == ("allowances-unusable", True)
    assert after == ["granted", "total"]
