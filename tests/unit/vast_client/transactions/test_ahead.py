import threading
import time
from collections import Counter
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vast_client.transactions.ahead import run_ahead


class Steps:
    """Steps with a number of results each. Counts the results that were returned but not taken yet."""

    def __init__(self, counts: list[int]) -> None:
        self._remaining = dict(enumerate(counts))
        self._lock = threading.Lock()
        self.ready = self.most_ready = 0

    def step(self, number: int) -> int | None:
        with self._lock:
            if self._remaining[number] == 0:
                return None
            self._remaining[number] -= 1
            self.ready += 1
            self.most_ready = max(self.most_ready, self.ready)
        return number

    def take(self) -> None:
        with self._lock:
            self.ready -= 1


@given(counts=st.lists(st.integers(0, 5), min_size=1, max_size=6), limit=st.integers(1, 4))
def test_each_result_is_returned_once_and_few_are_ready_ahead(counts: list[int], limit: int) -> None:
    steps = Steps(counts)
    taken: Counter[int] = Counter()
    for number in run_ahead([partial(steps.step, number) for number in range(len(counts))], limit):
        steps.take()
        taken[number] += 1
    assert taken == Counter({number: count for number, count in enumerate(counts) if count})
    # In addition to the results ahead, one is being taken.
    assert steps.most_ready <= limit + 1


def test_steps_wait_while_results_are_not_taken() -> None:
    steps = Steps([100])
    results = run_ahead([lambda: steps.step(0)] * 8, 3)
    next(results)
    time.sleep(0.1)
    assert steps.ready <= 3
    results.close()


def test_closing_early_waits_for_steps_under_way() -> None:
    begun, ended = threading.Event(), threading.Event()

    def quick() -> int:
        begun.wait(10)
        return 1

    def slow() -> int:
        begun.set()
        time.sleep(0.05)
        ended.set()
        return 2

    results = run_ahead([quick, slow], 2)
    assert next(results) == 1
    results.close()
    assert ended.is_set()


def test_a_failed_step_ends_the_results() -> None:
    def fail() -> int:
        raise ZeroDivisionError

    results = run_ahead([fail, lambda: None], 2)
    with pytest.raises(ZeroDivisionError):
        list(results)
