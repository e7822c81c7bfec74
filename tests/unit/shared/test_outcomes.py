"""Results of calls that were carried out together."""

import asyncio

import pytest

from services.shared.errors import NotFound
from services.shared.outcomes import Outcome, settle


def futures(count: int) -> list[asyncio.Future[object]]:
    loop = asyncio.get_running_loop()
    return [loop.create_future() for _ in range(count)]


async def test_each_caller_receives_its_own_result_or_error() -> None:
    first, second, third = futures(3)
    settle([Outcome(first, "flow"), Outcome(second, error=NotFound("no such flow")), Outcome(third)])
    assert await first == "flow"
    with pytest.raises(NotFound):
        await second
    assert await third is None


async def test_an_error_that_is_a_result_is_not_raised() -> None:
    (future,) = futures(1)
    error = NotFound("no such flow")
    settle([Outcome(future, error)])
    assert await future is error


async def test_cancelled_callers_are_skipped() -> None:
    cancelled, waiting = futures(2)
    cancelled.cancel()
    settle([Outcome(cancelled, 1), Outcome(cancelled, error=NotFound("gone")), Outcome(waiting, 2)])
    assert cancelled.cancelled()
    assert await waiting == 2
