import asyncio

import pytest

from gateway.clients.recent import Recent, RecentByKey


class Checks:
    """Counts its checks, which wait for `released`."""

    def __init__(self) -> None:
        self.count = 0
        self.released = asyncio.Event()
        self.released.set()
        self.fails = False

    async def check(self) -> int:
        self.count += 1
        await self.released.wait()
        if self.fails:
            raise ValueError
        return self.count


async def test_a_result_is_kept_for_its_time() -> None:
    checks = Checks()
    recent = Recent(checks.check, lambda _: 60.0)
    assert [await recent.get() for _ in range(5)] == [1] * 5


async def test_an_old_result_is_replaced() -> None:
    checks = Checks()
    recent = Recent(checks.check, lambda _: 0.0)
    assert [await recent.get() for _ in range(3)] == [1, 2, 3]


async def test_callers_during_a_check_share_it_and_can_be_cancelled() -> None:
    checks = Checks()
    checks.released.clear()
    recent = Recent(checks.check, lambda _: 60.0)
    callers = [asyncio.create_task(recent.get()) for _ in range(10)]
    await asyncio.sleep(0)
    callers[0].cancel()
    await asyncio.sleep(0)
    checks.released.set()
    assert await asyncio.gather(*callers[1:]) == [1] * 9


async def test_a_failure_is_not_kept() -> None:
    checks = Checks()
    recent = Recent(checks.check, lambda _: 60.0)
    checks.fails = True
    with pytest.raises(ValueError):  # noqa: PT011 - that of `check`
        await recent.get()
    checks.fails = False
    assert await recent.get() == 2


async def test_keys_are_read_apart_and_the_oldest_is_forgotten() -> None:
    checks = Checks()
    recent: RecentByKey[str, int] = RecentByKey(60.0, most=2)
    found = [await recent.get(key, checks.check) for key in ("a", "b", "a", "c", "a", "b")]
    assert found == [1, 2, 1, 3, 1, 4]
