"""The freshness that a channel requires of replicas after others reported recent rows."""

from collections.abc import Collection

import pytest

from services.shared.freshness import NotBefore, RecentRows
from services.shared.rpc.coherent import Marks
from tests.support.clock import Clock

A, B, C = (bytes([number]) * 8 for number in (1, 2, 3))
HOLD = 1000


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def marks(clock: Clock) -> Marks:
    return Marks(clock)


def limits(marks: Marks, clock: Clock, ids: Collection[str] | None, *processes: bytes) -> list[float]:
    """The times before which these processes must not have read the rows; 0 for no limit."""
    text = marks.not_before(ids)
    if text is None:
        return [0.0] * len(processes)
    not_before = NotBefore.parse(text, clock.now)
    return [round(not_before.limit(process), 3) for process in processes]


def report(marks: Marks, clock: Clock, process: bytes, *ids: str, at: float, age: float = 0.0) -> None:
    clock.now = at
    marks.note(RecentRows.of(process, HOLD, age, set(ids)))


def test_reads_have_no_limit_before_any_report(marks: Marks) -> None:
    assert marks.not_before(["x"]) is None
    assert marks.not_before(None) is None


def test_a_reported_row_limits_all_replicas_but_the_reporting_one(marks: Marks, clock: Clock) -> None:
    report(marks, clock, A, "x", at=100.0)
    clock.now = 100.4
    assert limits(marks, clock, ["x"], A, B, C) == [0.0, 100.0, 100.0]
    assert marks.not_before(["y"]) is None


def test_the_limit_of_a_replica_is_the_latest_report_of_the_others(marks: Marks, clock: Clock) -> None:
    report(marks, clock, A, "x", at=100.1)
    report(marks, clock, B, "x", at=100.2)
    assert limits(marks, clock, ["x"], A, B, C) == [100.2, 100.1, 100.2]
    report(marks, clock, C, "x", at=100.3)
    assert limits(marks, clock, ["x"], A, B, C) == [100.3, 100.3, 100.2]


def test_the_limit_is_the_time_at_which_the_row_was_learned(marks: Marks, clock: Clock) -> None:
    report(marks, clock, A, "x", at=100.1)
    report(marks, clock, B, "x", at=100.3, age=0.25)
    assert limits(marks, clock, ["x"], A, B, C) == [100.05, 100.1, 100.1]
    report(marks, clock, A, "x", at=100.4, age=0.35)
    assert limits(marks, clock, ["x"], A, B, C) == [100.05, 100.1, 100.1]


def test_a_read_of_several_rows_has_the_latest_of_their_limits(marks: Marks, clock: Clock) -> None:
    report(marks, clock, A, "x", at=100.1)
    report(marks, clock, B, "y", at=100.2)
    assert limits(marks, clock, ["x", "y"], A, B, C) == [100.2, 100.1, 100.2]


def test_a_read_that_names_no_rows_has_the_latest_limit_of_any_row(marks: Marks, clock: Clock) -> None:
    report(marks, clock, A, "x", at=100.1)
    report(marks, clock, B, "y", at=100.2)
    assert limits(marks, clock, None, A, B, C) == [100.2, 100.1, 100.2]


def test_a_report_of_all_rows_limits_reads_of_each_row(marks: Marks, clock: Clock) -> None:
    report(marks, clock, A, *map(str, range(1000)), at=100.1)
    assert limits(marks, clock, ["anything"], A, B) == [0.0, 100.1]


def test_limits_end_when_no_cache_can_have_the_former_rows(marks: Marks, clock: Clock) -> None:
    report(marks, clock, A, "x", at=100.0)
    report(marks, clock, A, *map(str, range(1000)), at=100.5)
    clock.now = 101.4
    assert limits(marks, clock, ["x"], B) == [100.5]
    clock.now = 101.6
    assert marks.not_before(["x"]) is None
    report(marks, clock, A, "y", at=101.7)
    assert marks.not_before(["x"]) is None


def test_rows_beyond_the_capacity_limit_reads_of_all_rows(marks: Marks, clock: Clock) -> None:
    for number in range(50):
        report(marks, clock, A, *(f"{number}.{part}" for part in range(250)), at=100.0)
    assert limits(marks, clock, ["0.0"], A, B) == [100.0, 100.0]
    assert len(marks._rows) <= 10_000  # noqa: SLF001 - the bound has no public view
