"""Work that runs beside a block, and work that is repeated."""

import asyncio
from collections.abc import Iterator

import pytest

from services.shared.errors import Unavailable
from services.shared.process.background import background, repeat
from tests.support.processes.polling import until


async def fail(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


async def test_the_end_of_the_block_cancels_the_work() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with background(work(), asyncio.sleep(0)):
        await asyncio.sleep(0)
        assert not ended.is_set()
    assert ended.is_set()


async def test_work_that_fails_ends_the_block_at_once_with_its_own_error() -> None:
    with pytest.raises(ValueError, match="no upkeep"):
        async with background(fail(ValueError("no upkeep"))):
            await asyncio.Event().wait()


async def test_the_block_keeps_its_own_error() -> None:
    with pytest.raises(KeyError):
        async with background(asyncio.Event().wait()):
            raise KeyError("flow")


async def test_failures_at_the_same_time_are_all_in_the_error() -> None:
    with pytest.raises(ValueError, match="first") as caught:
        async with background(fail(ValueError("first")), fail(ValueError("second"))):
            await asyncio.Event().wait()
    assert caught.value.__notes__ == ["failed at the same time: ValueError('second')"]


async def test_a_cancelled_block_raises_the_cancellation() -> None:
    entered = asyncio.Event()

    async def block() -> None:
        async with background(asyncio.Event().wait()):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Pauses:
    """Replaces `asyncio.sleep`: records the pauses, and does not wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds: list[float] = []
        yielding = asyncio.sleep

        async def sleep(seconds: float) -> None:
            self.seconds.append(seconds)
            await yielding(0)

        monkeypatch.setattr("services.shared.process.background.asyncio.sleep", sleep)


async def repeat_until_used_up(outcomes: Iterator[float | Unavailable]) -> None:
    """Repeat work that has these outcomes, until they are used up."""
    used_up = asyncio.Event()

    async def work() -> float:
        outcome = next(outcomes, None)
        if outcome is None:
            used_up.set()
            return await asyncio.Future()
        if isinstance(outcome, Unavailable):
            raise outcome
        return outcome

    async with background(repeat("measure", work, pause_seconds=1.0, longest_pause_seconds=5.0)):
        await used_up.wait()


async def test_pauses_are_those_the_work_asks_for_and_double_with_each_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = Pauses(monkeypatch)
    unavailable = Unavailable("away")
    await repeat_until_used_up(
        iter([0.0, unavailable, unavailable, unavailable, unavailable, 3.0, unavailable, 2.0])
    )
    # Those after failures are cut by up to a half.
    cut = (1, 2, 3, 4, 6)
    expected = [0.0, 1.0, 2.0, 4.0, 5.0, 3.0, 1.0, 2.0]
    assert [seconds for index, seconds in enumerate(pauses.seconds) if index not in cut] == [0.0, 3.0, 2.0]
    assert all(expected[index] / 2 <= pauses.seconds[index] <= expected[index] for index in cut)
    assert len({pauses.seconds[index] / expected[index] for index in cut}) > 1


async def test_pauses_have_an_upper_limit_after_thousands_of_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = Pauses(monkeypatch)
    await repeat_until_used_up(iter([Unavailable("away")] * 5000))
    assert 4.9 < max(pauses.seconds) <= 5.0
    assert 2.5 <= min(pauses.seconds[10:]) < 2.6


async def test_the_log_has_a_line_when_failures_begin_change_or_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Pauses(monkeypatch)
    caplog.set_level("INFO")
    unreachable, full = Unavailable("away"), Unavailable("full")
    await repeat_until_used_up(iter([unreachable, unreachable, full, full, 0.0, 0.0]))
    assert [(record.getMessage(), getattr(record, "reason", None)) for record in caplog.records] == [
        ("cannot measure", "away"),
        ("cannot measure", "full"),
        ("can measure again", None),
    ]


async def test_unexpected_errors_end_the_repetition() -> None:
    async def work() -> float:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        async with background(repeat("measure", work, pause_seconds=0)):
            await until(lambda: False)
