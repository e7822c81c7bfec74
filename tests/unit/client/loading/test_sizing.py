import random
from collections.abc import Callable

import pytest

from client.loading.sizing import MAX_ROWS, TARGET_SECONDS, BatchSize

# The seconds of a batch, by its number of rows.
Cost = Callable[[int], float]


def cost_of(fixed: float, per_row: float) -> Cost:
    return lambda rows: fixed + per_row * rows


def sizes(size: BatchSize, cost: Cost, batches: int) -> list[int]:
    sizes_used = []
    for _ in range(batches):
        sizes_used.append(size.rows)
        size.took(cost(size.rows), size.rows)
    return sizes_used


def rate(sizes_used: list[int], cost: Cost) -> float:
    return sum(sizes_used) / sum(map(cost, sizes_used))


def test_batches_grow_while_they_are_quick_and_full() -> None:
    size = BatchSize()
    first = size.rows
    size.took(TARGET_SECONDS / 10, first)
    assert size.rows == 2 * first
    size.took(TARGET_SECONDS / 10, first)
    assert size.rows == 2 * first
    for _ in range(20):
        size.took(0, size.rows)
    assert size.rows == MAX_ROWS


def test_batches_shrink_to_at_least_one_row() -> None:
    size = BatchSize(8)
    for _ in range(5):
        size.halve()
    assert size.rows == 1


@pytest.mark.parametrize("per_row", [0.0001, 0.001, 0.01, 0.1])
def test_batches_take_about_the_target_without_a_fixed_cost(per_row: float) -> None:
    size = BatchSize()
    sizes(size, cost_of(0, per_row), 30)
    duration = cost_of(0, per_row)(size.rows)
    assert TARGET_SECONDS / 2 <= duration <= 2 * TARGET_SECONDS or size.rows == 1


@pytest.mark.parametrize("fixed", [0.03, 0.06, 0.15, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("per_row", [0, 0.00001, 0.0002, 0.0015, 0.0025])
def test_a_fixed_cost_is_shared_by_many_rows(fixed: float, per_row: float) -> None:
    size = BatchSize()
    cost = cost_of(fixed, per_row)
    sizes_used = sizes(size, cost, 60)
    # Near the rate without a fixed cost; the rest is spent on batches of other sizes.
    assert min(sizes_used) > 30
    best = rate([MAX_ROWS], cost)
    assert rate(sizes_used, cost) >= 0.65 * best or cost(size.rows) <= 2 * TARGET_SECONDS


def test_flows_are_loaded_fast_at_5_ms_per_request() -> None:
    # Measured: 26 to 35 requests per batch, and 2.5 ms per flow.
    size, cost = BatchSize(), cost_of(0.19, 0.0025)
    sizes_used = sizes(size, cost, 40)
    assert rate(sizes_used, cost) > 300
    for start in (1, 10, 100, 50_000):
        size = BatchSize(start)
        assert rate(sizes(size, cost, 60)[20:], cost) > 300


@pytest.mark.parametrize("slower", [3, 30])
def test_batches_recover_after_a_slow_minute(slower: int) -> None:
    usual = cost_of(0.15, 0.001)
    size = BatchSize()
    before = sizes(size, usual, 40)[-12:]
    during = sizes(size, cost_of(0.15 * slower, 0.001), 20)
    after = sizes(size, usual, 40)[-12:]
    assert min(during) >= min(before) / 2
    assert max(before) / 2 <= max(after) <= 2 * max(before)


def test_batches_keep_their_size_under_noise() -> None:
    chance = random.Random(5)
    size = BatchSize()

    def cost(rows: int) -> float:
        return (0.15 + 0.0015 * rows) * chance.choice([0.7, 0.9, 1, 1, 1.1, 1.4, 10])

    sizes_used = sizes(size, cost, 400)
    assert min(sizes_used) >= 16
    assert sum(sizes_used) / len(sizes_used) > 150


def test_batches_shrink_when_rows_become_slow() -> None:
    size = BatchSize()
    sizes(size, cost_of(0, 0.0001), 10)
    assert size.rows >= 1000
    sizes(size, cost_of(0, 0.01), 20)
    assert size.rows <= 20


def test_a_slow_batch_that_its_bytes_limit_sets_the_size() -> None:
    size = BatchSize(8000)
    size.took(3 * TARGET_SECONDS, 300)
    assert size.rows == 150
