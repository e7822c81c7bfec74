from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.vast.endpoints import Endpoints, Strategy

ALL = list(Strategy)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def two(clock: Clock) -> Endpoints:
    endpoints = Endpoints(["a", "b"], clock=clock, seed=1)
    endpoints.succeeded("a", 0.001)
    endpoints.succeeded("b", 0.001)
    return endpoints


@pytest.fixture
def one(clock: Clock) -> Endpoints:
    return Endpoints(["a"], clock=clock, seed=1)


def fail(endpoints: Endpoints, endpoint: str, times: int = 3) -> None:
    for _ in range(times):
        endpoints.failed(endpoint)


def chosen(endpoints: Endpoints, strategy: Strategy, times: int) -> Counter[str]:
    return Counter(endpoints.choose(strategy) for _ in range(times))


def is_open(endpoints: Endpoints, endpoint: str) -> bool:
    return next(health.open for health in endpoints.health() if health.endpoint == endpoint)


def test_round_robin_gives_each_the_same_share(clock):
    endpoints = Endpoints(["a", "b", "c"], clock=clock)
    endpoints.succeeded("a", 10.0)
    assert chosen(endpoints, Strategy.ROUND_ROBIN, 30) == {"a": 10, "b": 10, "c": 10}


def test_least_latency_prefers_the_quick(clock):
    endpoints = Endpoints(["slow", "quick"], clock=clock)
    endpoints.succeeded("slow", 0.1)
    endpoints.succeeded("quick", 0.01)
    assert chosen(endpoints, Strategy.LEAST_LATENCY, 40) == {"quick": 40}


def test_those_about_as_quick_share_the_calls(two):
    two.succeeded("b", 0.0011)
    assert chosen(two, Strategy.LEAST_LATENCY, 40) == {"a": 20, "b": 20}


def test_errors_count_as_slowness(two):
    two.failed("a")
    two.failed("a")
    assert chosen(two, Strategy.LEAST_LATENCY, 40) == {"b": 40}


def test_an_endpoint_never_asked_is_tried(clock):
    endpoints = Endpoints(["known", "new"], clock=clock)
    endpoints.succeeded("known", 0.001)
    assert endpoints.choose(Strategy.LEAST_LATENCY) == "new"


def test_two_choices_never_takes_the_slowest_of_three(clock):
    endpoints = Endpoints(["a", "b", "slow"], clock=clock, seed=1)
    for endpoint, seconds in (("a", 0.01), ("b", 0.02), ("slow", 1.0)):
        endpoints.succeeded(endpoint, seconds)
    found = chosen(endpoints, Strategy.TWO_CHOICES, 49)
    assert found["a"] > found["b"] > 0
    assert "slow" not in found


@pytest.mark.parametrize("strategy", [Strategy.LEAST_LATENCY, Strategy.TWO_CHOICES])
def test_once_in_a_while_the_one_not_asked_for_longest_is(clock, strategy):
    endpoints = Endpoints(["quick", "slow"], clock=clock, seed=1)
    endpoints.succeeded("quick", 0.001)
    endpoints.succeeded("slow", 1.0)
    assert chosen(endpoints, strategy, 100)["slow"] == 2


def test_one_that_became_quick_is_found_again(clock):
    endpoints = Endpoints(["quick", "slow"], clock=clock, seed=1)
    latency = {"quick": 0.01, "slow": 1.0}

    def ask() -> str:
        endpoint = endpoints.choose(Strategy.LEAST_LATENCY)
        endpoints.succeeded(endpoint, latency[endpoint])
        return endpoint

    for _ in range(100):
        ask()
    latency["slow"] = 0.001
    assert Counter(ask() for _ in range(3000))["slow"] > 1500


@pytest.mark.parametrize("strategy", ALL)
def test_those_to_avoid_are_avoided_while_there_is_another(two, strategy):
    assert {two.choose(strategy, frozenset({"a"})) for _ in range(120)} == {"b"}
    assert two.choose(strategy, frozenset({"a", "b"})) in {"a", "b"}


def test_two_failures_open_nothing(two):
    fail(two, "a", 2)
    assert not is_open(two, "a")


def test_only_failures_in_a_row_count(two):
    for _ in range(5):
        fail(two, "a", 2)
        two.succeeded("a", 0.001)
    assert not is_open(two, "a")


@pytest.mark.parametrize("strategy", ALL)
def test_after_three_failures_calls_are_kept_off(two, strategy):
    fail(two, "a")
    assert is_open(two, "a")
    assert two.live() == ["b"]
    assert chosen(two, strategy, 120) == {"b": 120}


@pytest.mark.parametrize("strategy", ALL)
def test_one_call_alone_tries_an_endpoint_that_is_due(two, clock, strategy):
    fail(two, "a")
    clock.now += 1.01
    assert chosen(two, strategy, 20) == {"a": 1, "b": 19}


def test_a_try_that_succeeds_closes_the_breaker(two, clock):
    fail(two, "a")
    clock.now += 1.01
    assert two.choose(Strategy.ROUND_ROBIN) == "a"
    two.succeeded("a", 0.001)
    assert not is_open(two, "a")
    assert two.live() == ["a", "b"]
    assert chosen(two, Strategy.ROUND_ROBIN, 20) == {"a": 10, "b": 10}


def test_after_a_recovery_it_takes_three_failures_and_a_second_again(two, clock):
    fail(two, "a")
    for _ in range(6):
        clock.now += 31
        assert two.choose(Strategy.ROUND_ROBIN) == "a"
        two.failed("a")
    clock.now += 31
    assert two.choose(Strategy.ROUND_ROBIN) == "a"
    two.succeeded("a", 0.001)
    fail(two, "a", 2)
    assert not is_open(two, "a")
    two.failed("a")
    clock.now += 1.01
    assert two.choose(Strategy.ROUND_ROBIN) == "a"


def test_each_failed_try_doubles_the_wait_up_to_half_a_minute(two, clock):
    fail(two, "a")
    for longest in (1, 2, 4, 8, 16, 30, 30, 30):
        clock.now += 0.79 * longest
        assert chosen(two, Strategy.ROUND_ROBIN, 10) == {"b": 10}
        clock.now += 0.22 * longest
        assert two.choose(Strategy.ROUND_ROBIN) == "a"
        two.failed("a")


def test_calls_that_were_under_way_do_not_lengthen_the_wait(two, clock):
    fail(two, "a", 20)
    clock.now += 1.01
    assert two.choose(Strategy.ROUND_ROBIN) == "a"


def test_a_try_that_nobody_reports_on_is_not_the_last(two, clock):
    fail(two, "a")
    clock.now += 1.01
    assert two.choose(Strategy.ROUND_ROBIN) == "a"
    clock.now += 29
    assert two.choose(Strategy.ROUND_ROBIN) == "b"
    clock.now += 2
    assert two.choose(Strategy.ROUND_ROBIN) == "a"


def test_when_all_are_dead_the_next_due_one_is_asked(two, clock):
    fail(two, "b")
    clock.now += 0.5
    fail(two, "a")
    assert two.live() == ["b"]
    assert two.choose(Strategy.LEAST_LATENCY) == "b"
    two.failed("b")
    assert two.choose(Strategy.LEAST_LATENCY) == "a"


def test_when_all_are_dead_the_last_resort_still_avoids_the_one_just_tried(two):
    fail(two, "a")
    fail(two, "b")
    assert two.choose(Strategy.LEAST_LATENCY, frozenset({"a"})) == "b"


def test_the_only_endpoint_is_asked_however_it_does(one):
    for _ in range(20):
        assert one.choose(Strategy.TWO_CHOICES) == "a"
        one.failed("a")
    one.succeeded("a", 0.001)
    assert one.health() == [("a", 0.001, pytest.approx(0.79, abs=0.01), 0, False)]


def test_health_tells_latency_and_errors(one):
    assert one.health() == [("a", 0.0, 0.0, 0, False)]
    one.succeeded("a", 1.0)
    one.succeeded("a", 2.0)
    one.failed("a")
    (health,) = one.health()
    assert health.latency_seconds == pytest.approx(1.2)
    assert health.error_rate == pytest.approx(0.2)
    assert health.failures_in_a_row == 1


EVENTS = st.one_of(
    st.tuples(st.just("choose"), st.sampled_from(ALL), st.frozensets(st.sampled_from("abc"))),
    st.tuples(st.just("failed"), st.sampled_from("abc")),
    st.tuples(st.just("succeeded"), st.sampled_from("abc"), st.floats(0.001, 10)),
    st.tuples(st.just("pass"), st.floats(0, 60)),
)


@given(st.lists(EVENTS, max_size=80))
def test_whatever_happens_there_is_an_endpoint_and_every_dead_one_is_tried_in_time(events):
    clock = Clock()
    endpoints = Endpoints("abc", clock=clock, seed=1)
    for kind, *values in events:
        if kind == "pass":
            clock.now += values[0]
        elif kind == "choose":
            assert endpoints.choose(*values) in "abc"
        else:
            getattr(endpoints, kind)(*values)
        assert endpoints.live()
    dead = {health.endpoint for health in endpoints.health() if health.open}
    clock.now += 30
    assert {endpoints.choose(Strategy.ROUND_ROBIN) for _ in dead} == dead
