from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vast_client.endpoints.breaker import Signal
from services.vast_client.endpoints.endpoints import Endpoints
from services.vast_client.plans import Kind
from tests.support.clock import Clock

KINDS = [*Kind, None]
MS = 0.001


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


def endpoints_of(clock: Clock, **milliseconds: float) -> Endpoints:
    """Endpoints with these latencies in milliseconds, for reads of each kind."""
    endpoints = Endpoints(list(milliseconds), clock=clock, seed=1)
    for endpoint, latency in milliseconds.items():
        for kind in KINDS:
            endpoints.record_time(endpoint, kind, latency * MS)
    return endpoints


@pytest.fixture
def endpoints(clock: Clock) -> Endpoints:
    return endpoints_of(clock, a=1, b=1)


@pytest.fixture
def single(clock: Clock) -> Endpoints:
    return Endpoints(["a"], clock=clock, seed=1)


def record_failures(endpoints: Endpoints, endpoint: str, count: int = 3) -> None:
    for _ in range(count):
        endpoints.record_failure(endpoint)


def choices(endpoints: Endpoints, kind: Kind | None, count: int) -> Counter[str]:
    return Counter(endpoints.choose(kind) for _ in range(count))


def is_open(endpoints: Endpoints, endpoint: str) -> bool:
    return next(health.open for health in endpoints.health() if health.endpoint == endpoint)


def are_equal_within_a_fifth(counts: Counter[str], total: int, endpoints: int = 3) -> bool:
    return (
        all(0.8 < count * endpoints / total < 1.2 for count in counts.values()) and len(counts) == endpoints
    )


@pytest.mark.parametrize("kind", KINDS)
def test_equally_quick_endpoints_have_equal_shares(clock: Clock, kind: Kind | None) -> None:
    assert are_equal_within_a_fifth(choices(endpoints_of(clock, a=5, b=5, c=5), kind, 300), 300)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_in_latencies_does_not_change_the_shares(clock: Clock, kind: Kind | None) -> None:
    endpoints = endpoints_of(clock, a=5, b=6, c=9)
    chosen = Counter[str]()
    for turn in range(300):
        endpoint = endpoints.choose(kind)
        chosen[endpoint] += 1
        endpoints.record_time(endpoint, kind, (5 + 5 * (turn * 7 % 10 == 0)) * MS)
    assert are_equal_within_a_fifth(chosen, 300)


def test_alternating_kinds_each_use_all_endpoints(endpoints: Endpoints) -> None:
    choices_by_kind = {kind: Counter[str]() for kind in (Kind.POINT, None)}
    for _ in range(50):
        for kind, counts in choices_by_kind.items():
            counts[endpoints.choose(kind)] += 1
    assert all(20 <= counts["a"] <= 30 for counts in choices_by_kind.values())


@pytest.mark.parametrize("kind", KINDS)
def test_reads_of_each_kind_are_sent_to_the_quick_endpoint(clock: Clock, kind: Kind | None) -> None:
    assert choices(endpoints_of(clock, slow=100, quick=10), kind, 49) == {"quick": 49}


def test_each_kind_has_latencies_of_its_own(clock: Clock) -> None:
    endpoints = endpoints_of(clock, a=1, b=1)
    for _ in range(20):
        endpoints.record_time("a", Kind.PAGE, 0.2)
    assert choices(endpoints, Kind.POINT, 40) == {"a": 20, "b": 20}
    assert choices(endpoints, Kind.PAGE, 8) == {"b": 8}


def test_errors_count_as_latency(clock: Clock) -> None:
    endpoints = endpoints_of(clock, a=110, b=60)
    assert choices(endpoints, Kind.POINT, 40) == {"a": 20, "b": 20}
    record_failures(endpoints, "a", 2)
    assert choices(endpoints, Kind.POINT, 9) == {"b": 9}


def test_an_endpoint_without_a_latency_is_tried(clock: Clock) -> None:
    endpoints = Endpoints(["known", "new"], clock=clock)
    endpoints.record_time("known", Kind.POINT, 0.001)
    endpoints.choose(Kind.POINT)
    assert "new" in {endpoints.choose(Kind.POINT) for _ in range(2)}


@pytest.mark.parametrize("kind", KINDS)
def test_reads_are_shared_by_quick_endpoints_without_the_slowest(clock: Clock, kind: Kind | None) -> None:
    chosen = choices(endpoints_of(clock, a=10, b=30, slow=1000), kind, 49)
    assert chosen["a"] > chosen["b"] > 0
    assert "slow" not in chosen


@pytest.mark.parametrize("kind", KINDS)
def test_the_longest_unused_endpoint_is_tried_occasionally(clock: Clock, kind: Kind | None) -> None:
    assert choices(endpoints_of(clock, quick=1, slow=100), kind, 100)["slow"] == 2


def test_an_endpoint_that_became_quick_is_used_again(clock: Clock) -> None:
    endpoints = endpoints_of(clock, quick=10, slow=200)
    latencies = {"quick": 10 * MS, "slow": 200 * MS}

    def read() -> str:
        endpoint = endpoints.choose(Kind.POINT)
        endpoints.record_time(endpoint, Kind.POINT, latencies[endpoint])
        return endpoint

    for _ in range(100):
        read()
    latencies["slow"] = 1 * MS
    assert Counter(read() for _ in range(3000))["slow"] > 1000


@pytest.mark.parametrize("kind", KINDS)
def test_endpoints_to_avoid_are_chosen_only_if_there_is_no_other(
    endpoints: Endpoints, kind: Kind | None
) -> None:
    assert {endpoints.choose(kind, frozenset({"a"})) for _ in range(120)} == {"b"}
    assert endpoints.choose(kind, frozenset({"a", "b"})) in {"a", "b"}


def test_two_failures_do_not_open_an_endpoint(endpoints: Endpoints) -> None:
    record_failures(endpoints, "a", 2)
    assert not is_open(endpoints, "a")


def test_an_answer_ends_a_row_of_failures(endpoints: Endpoints) -> None:
    for _ in range(5):
        record_failures(endpoints, "a", 2)
        endpoints.record_answer("a")
    assert not is_open(endpoints, "a")


@pytest.mark.parametrize("kind", KINDS)
def test_three_failures_open_an_endpoint_to_which_no_call_is_sent(
    endpoints: Endpoints, kind: Kind | None
) -> None:
    record_failures(endpoints, "a")
    assert is_open(endpoints, "a")
    assert endpoints.usable() == ["b"]
    assert choices(endpoints, kind, 120) == {"b": 120}


def test_a_late_answer_opens_an_endpoint_unless_it_is_the_last_usable(endpoints: Endpoints) -> None:
    endpoints.record_failure("a", Signal.LATE)
    assert endpoints.usable() == ["b"]
    endpoints.record_failure("b", Signal.LATE)
    assert endpoints.usable() == ["b"]


def test_an_endpoint_far_slower_than_others_is_opened_after_several_calls(clock: Clock) -> None:
    endpoints = endpoints_of(clock, a=5, b=5, c=5)
    calls = 0
    while not is_open(endpoints, "a"):
        endpoints.record_time("a", Kind.POINT, 1.0)
        calls += 1
    assert 3 <= calls <= 20


@pytest.mark.parametrize("slow", [0.25, 0.29])
def test_an_endpoint_that_is_somewhat_slow_is_not_opened(clock: Clock, slow: float) -> None:
    endpoints = endpoints_of(clock, a=5, b=5)
    for _ in range(100):
        endpoints.record_time("a", Kind.POINT, slow)
    assert not is_open(endpoints, "a")


def test_no_endpoint_is_opened_if_all_are_slow(clock: Clock) -> None:
    endpoints = endpoints_of(clock, a=5, b=5)
    for _ in range(100):
        for endpoint in "ab":
            endpoints.record_time(endpoint, Kind.POINT, 1.0)
    assert endpoints.usable() == ["a", "b"]


def test_no_call_is_sent_to_an_open_endpoint_that_is_due(endpoints: Endpoints, clock: Clock) -> None:
    record_failures(endpoints, "a")
    clock.now += 100
    assert choices(endpoints, Kind.POINT, 120) == {"b": 120}


def test_an_open_endpoint_is_due_for_a_single_probe(endpoints: Endpoints, clock: Clock) -> None:
    assert endpoints.next_probe() is None
    record_failures(endpoints, "a")
    assert endpoints.take_due() == []
    assert 0.7 < (endpoints.next_probe() or 0) <= 1
    clock.now += 1.01
    assert endpoints.next_probe() == 0
    assert endpoints.take_due() == ["a"]
    assert endpoints.take_due() == []
    assert endpoints.next_probe() is None


def test_a_successful_probe_closes_an_endpoint(endpoints: Endpoints, clock: Clock) -> None:
    record_failures(endpoints, "a")
    clock.now += 1.01
    endpoints.take_due()
    endpoints.record_probe("a", 0.001)
    assert endpoints.usable() == ["a", "b"]
    assert choices(endpoints, Kind.SCAN, 20) == {"a": 10, "b": 10}


def fail_and_probe(endpoints: Endpoints, clock: Clock) -> None:
    record_failures(endpoints, "a")
    clock.now += 31
    assert endpoints.take_due() == ["a"]
    endpoints.record_probe("a", 0.001)


def test_a_failure_after_a_probe_opens_an_endpoint_for_twice_as_long(
    endpoints: Endpoints, clock: Clock
) -> None:
    for longest in (1, 2, 4, 8, 16, 30, 30):
        record_failures(endpoints, "a", 3 if longest == 1 else 1)
        clock.now += 0.79 * longest
        assert endpoints.take_due() == []
        clock.now += 0.22 * longest
        assert endpoints.take_due() == ["a"]
        endpoints.record_probe("a", 0.001)


def test_twenty_answers_after_a_probe_restore_the_limit_of_three_failures(
    endpoints: Endpoints, clock: Clock
) -> None:
    fail_and_probe(endpoints, clock)
    for _ in range(20):
        endpoints.record_answer("a")
    record_failures(endpoints, "a", 2)
    assert not is_open(endpoints, "a")
    endpoints.record_failure("a")
    clock.now += 1.01
    assert endpoints.take_due() == ["a"]


def test_an_endpoint_without_answers_is_probed_at_least_every_five_seconds(
    endpoints: Endpoints, clock: Clock
) -> None:
    record_failures(endpoints, "a")
    clock.now += 1.01
    for longest in (2, 4, 5, 5, 5):
        assert endpoints.take_due() == ["a"]
        endpoints.record_probe("a", None)
        clock.now += 0.79 * longest
        assert endpoints.take_due() == []
        clock.now += 0.22 * longest


def test_failures_of_calls_under_way_do_not_delay_the_probe(endpoints: Endpoints, clock: Clock) -> None:
    record_failures(endpoints, "a", 20)
    clock.now += 1.01
    assert endpoints.take_due() == ["a"]


def test_an_answer_that_came_too_late_does_not_close_an_endpoint(endpoints: Endpoints) -> None:
    endpoints.record_failure("a", Signal.LATE)
    endpoints.record_answer("a")
    assert endpoints.usable() == ["b"]


def test_the_next_due_endpoint_is_chosen_if_all_are_open(endpoints: Endpoints, clock: Clock) -> None:
    record_failures(endpoints, "b")
    clock.now += 0.5
    record_failures(endpoints, "a")
    assert endpoints.choose(Kind.POINT) == "b"
    assert endpoints.choose(Kind.POINT, frozenset({"b"})) == "a"
    endpoints.record_answer("a")
    assert endpoints.usable() == ["a"]


def test_an_open_endpoint_is_chosen_after_all_usable_ones(endpoints: Endpoints) -> None:
    record_failures(endpoints, "a")
    assert not endpoints.has_other(frozenset({"b"}))
    assert endpoints.choose(Kind.POINT, frozenset({"b"})) == "a"
    record_failures(endpoints, "b")
    assert endpoints.has_other(frozenset({"b"}))


def test_a_single_endpoint_is_never_opened(single: Endpoints) -> None:
    for _ in range(20):
        assert single.choose(None) == "a"
        single.record_failure("a")
    single.record_answer("a")
    single.record_time("a", None, 0.001)
    (health,) = single.health()
    assert (health.endpoint, health.latency_seconds) == ("a", 0.001)
    assert health.error_rate == pytest.approx(0.79, abs=0.01)
    assert (health.failures_in_a_row, health.open) == (0, False)


def test_on_open_is_called_once_when_an_endpoint_is_opened(clock: Clock) -> None:
    usable = []
    observed = Endpoints(["a", "b"], clock=clock, on_open=lambda: usable.append(observed.usable()))
    record_failures(observed, "a", 5)
    assert usable == [["b"]]


def test_the_usual_latency_is_the_median_of_usable_endpoints(clock: Clock) -> None:
    endpoints = endpoints_of(clock, a=1, b=2, c=300)
    assert endpoints.usual_seconds(Kind.POINT) == pytest.approx(0.002)
    record_failures(endpoints, "a")
    record_failures(endpoints, "b")
    assert endpoints.usual_seconds(Kind.POINT) == pytest.approx(0.3)
    assert Endpoints(["a"]).usual_seconds(Kind.POINT) == 0


EVENTS = st.one_of(
    st.tuples(st.just("choose"), st.sampled_from(KINDS), st.frozensets(st.sampled_from("abc"))),
    st.tuples(st.just("record_failure"), st.sampled_from("abc"), st.sampled_from(Signal)),
    st.tuples(st.just("record_answer"), st.sampled_from("abc")),
    st.tuples(st.just("record_time"), st.sampled_from("abc"), st.sampled_from(KINDS), st.floats(0.001, 10)),
    st.tuples(st.just("probe"), st.one_of(st.none(), st.floats(0.001, 1))),
    st.tuples(st.just("pass"), st.floats(0, 60)),
)


@given(st.lists(EVENTS, max_size=80))
def test_there_is_always_a_usable_endpoint_and_open_ones_become_due(
    events: list[Any],
) -> None:
    clock = Clock(100.0)
    endpoints = Endpoints("abc", clock=clock, seed=1)
    for kind, *values in events:
        if kind == "pass":
            clock.now += values[0]
        elif kind == "probe":
            for endpoint in endpoints.take_due():
                endpoints.record_probe(endpoint, *values)
        elif kind == "choose":
            assert endpoints.choose(*values) in "abc"
        else:
            getattr(endpoints, kind)(*values)
        assert endpoints.usable()
    open_endpoints = {health.endpoint for health in endpoints.health() if health.open}
    clock.now += 30
    assert set(endpoints.take_due()) == open_endpoints
