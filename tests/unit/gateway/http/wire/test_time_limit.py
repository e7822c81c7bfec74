"""Tasks wait for a limited time, whether others wait or not."""

import asyncio

import pytest

from gateway.http.wire.time_limit import TimeLimit

SHORT = 0.01
LONG = 600.0


async def _value() -> str:
    await asyncio.sleep(0)
    return "value"


async def test_the_result_is_that_of_what_is_awaited() -> None:
    assert await TimeLimit(LONG).wait_for(_value()) == "value"


async def test_an_error_is_passed_on() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await TimeLimit(LONG).wait_for(fail())


async def test_each_task_that_waits_too_long_is_interrupted() -> None:
    limit = TimeLimit(SHORT)
    waiting = [asyncio.ensure_future(limit.wait_for(asyncio.Event().wait())) for _ in range(3)]
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in ended] == [TimeoutError] * 3


async def test_the_limit_holds_again_after_a_time_without_tasks() -> None:
    limit = TimeLimit(SHORT)
    assert await limit.wait_for(_value()) == "value"
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await limit.wait_for(asyncio.Event().wait())
    assert await limit.wait_for(_value()) == "value"


async def test_a_task_that_began_later_waits_as_long() -> None:
    limit, began = TimeLimit(SHORT), asyncio.get_running_loop().time()

    async def wait() -> float:
        with pytest.raises(TimeoutError):
            await limit.wait_for(asyncio.Event().wait())
        return asyncio.get_running_loop().time()

    first = asyncio.ensure_future(wait())
    await asyncio.sleep(SHORT / 2)
    later = asyncio.get_running_loop().time()
    assert await wait() - later >= SHORT
    assert await first - began >= SHORT


async def test_a_task_goes_on_after_its_time_is_over() -> None:
    with pytest.raises(TimeoutError):
        await TimeLimit(SHORT).wait_for(asyncio.Event().wait())
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancelled_task_is_not_too_late() -> None:
    limit = TimeLimit(LONG)
    task = asyncio.ensure_future(limit.wait_for(asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
