"""Token buckets, compared with a bucket whose tokens are counted."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.buckets import SECOND, Buckets


class Clock:
    """A clock that the test moves, in nanoseconds."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class CountedBucket:
    """The definition of a bucket: a number of tokens that grows with time up to a limit."""

    def __init__(self, token_ns: int, burst: int) -> None:
        self._token_ns = token_ns
        self._burst = burst
        self._tokens = Fraction(burst)
        self._at = 0

    def take(self, now: int) -> int:
        """0 if a token was taken, else the nanoseconds until there is one."""
        self._tokens = min(Fraction(self._burst), self._tokens + Fraction(now - self._at, self._token_ns))
        self._at = now
        if self._tokens < 1:
            return int((1 - self._tokens) * self._token_ns)
        self._tokens -= 1
        return 0


# The key of each request, and the nanoseconds that passed before it.
REQUESTS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0, 1, 7, 10**8, 10**9, 10**11])))


@given(rate=st.sampled_from([0.1, 1.0, 3.0, 1000.0]), burst=st.integers(1, 5), requests=REQUESTS)
def test_buckets_admit_what_counted_buckets_admit(
    rate: float, burst: int, requests: list[tuple[str, int]]
) -> None:
    clock = Clock()
    buckets = Buckets(rate, burst, clock)
    counted = {key: CountedBucket(round(SECOND / rate), burst) for key in "ab"}
    for key, passed in requests:
        clock.now += passed
        wait = counted[key].take(clock.now)
        assert buckets.wait(key) == wait
        assert buckets.take(key) == wait


@given(rate=st.sampled_from([0.3, 1.0, 50.0]), burst=st.integers(1, 5), passed=st.integers(0, 10**10))
def test_a_request_is_admitted_after_the_wait_and_not_before(rate: float, burst: int, passed: int) -> None:
    clock = Clock()
    buckets = Buckets(rate, burst, clock)
    while not (wait := buckets.take("a")):
        clock.now += passed // 10**9
    clock.now += wait - 1
    assert buckets.take("a") == 1
    clock.now += 1
    assert buckets.take("a") == 0


def test_the_number_of_records_is_bounded() -> None:
    buckets = Buckets(1, 1, Clock(), max_keys=100)
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) == 100
    # The keys that were used last are remembered.
    assert buckets.take("999") > 0
    assert buckets.take("0") == 0


def test_a_key_that_is_refused_is_not_forgotten_before_others() -> None:
    buckets = Buckets(1, 1, Clock(), max_keys=100)
    buckets.take("busy")
    for number in range(1000):
        buckets.take(str(number))
        assert buckets.take("busy") > 0


def test_a_full_bucket_has_no_record() -> None:
    clock = Clock()
    buckets = Buckets(1, 5, clock)
    buckets.take("a")
    assert len(buckets) == 1
    clock.now += SECOND
    assert buckets.wait("a") == 0
    assert len(buckets) == 0
