import asyncio

import pytest

from gateway.clients import coalescer
from gateway.clients.coalescer import Coalescer
from services.shared.errors import DeadlineExceeded, Internal, NotFound, Unavailable


class Far:
    """The far side: records calls and answers when told to."""

    def __init__(self):
        self.singles = []
        self.batches = []
        self.open = asyncio.Event()
        self.error = None

    async def single(self, request):
        self.singles.append(request)
        await self.open.wait()
        return f"one {request}"

    async def batch(self, requests):
        self.batches.append(list(requests))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return [NotFound(one) if one.startswith("missing") else f"many {one}" for one in requests]


@pytest.fixture
async def far():
    return Far()


@pytest.fixture
async def call(far):
    return Coalescer(far.single, far.batch, deadline_seconds=60)


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def start(call, *requests):
    tasks = [asyncio.create_task(call(request)) for request in requests]
    await settle()
    return tasks


async def test_a_lone_call_goes_straight_out(far, call):
    far.open.set()
    assert [await call("a"), await call("b")] == ["one a", "one b"]
    assert (far.singles, far.batches) == (["a", "b"], [])


async def test_calls_beside_another_travel_together(far, call):
    tasks = await start(call, "a", "b", "c")
    assert (far.singles, far.batches) == (["a"], [["b", "c"]])
    far.open.set()
    assert await asyncio.gather(*tasks) == ["one a", "many b", "many c"]


async def test_no_more_than_two_are_in_flight(far, call):
    tasks = await start(call, "a", "b")
    tasks += await start(call, "c")
    tasks += await start(call, "d", "e")
    assert (far.singles, far.batches) == (["a"], [["b"]])
    far.open.set()
    assert await asyncio.gather(*tasks) == ["one a", "many b", "many c", "many d", "many e"]
    assert far.batches == [["b"], ["c", "d", "e"]]


async def test_a_batch_has_a_largest_size(far, call):
    many = [str(number) for number in range(coalescer.MAX_ITEMS + 10)]
    tasks = await start(call, "a", *many)
    far.open.set()
    assert await asyncio.gather(*tasks) == ["one a", *(f"many {one}" for one in many)]
    assert [len(batch) for batch in far.batches] == [coalescer.MAX_ITEMS, 10]


async def test_the_queue_is_bounded(far, call, monkeypatch):
    monkeypatch.setattr(coalescer, "MAX_WAITING", 2)
    tasks = await start(call, "a", "b")
    tasks += await start(call, "c", "d", "e")
    with pytest.raises(Unavailable):
        await tasks.pop()
    far.open.set()
    assert len(await asyncio.gather(*tasks)) == 4


async def test_each_caller_gets_its_own_error(far, call):
    tasks = await start(call, "a", "b", "missing c", "d")
    far.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [results[0], results[1], results[3]] == ["one a", "many b", "many d"]
    assert isinstance(results[2], NotFound)


async def test_a_failed_batch_fails_its_callers_and_no_others(far, call):
    far.error = Unavailable("away")
    tasks = await start(call, "a", "b", "c")
    far.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results == ["one a", far.error, far.error]
    far.error = None
    assert await call("d") == "one d"


async def test_replies_that_do_not_match_the_batch_are_an_error(far):
    async def short(requests):
        return []

    call = Coalescer(far.single, short, deadline_seconds=60)
    tasks = await start(call, "a", "b")
    far.open.set()
    with pytest.raises(Internal):
        await tasks[1]


async def test_who_goes_away_takes_only_its_own_call_along(far, call):
    tasks = await start(call, "a", "b", "c")
    waiting = await start(call, "d", "e")
    for gone in (tasks[1], waiting[0]):
        gone.cancel()
    await settle()
    far.open.set()
    results = await asyncio.gather(*tasks, *waiting, return_exceptions=True)
    assert [results[0], results[2], results[4]] == ["one a", "many c", "many e"]
    assert far.batches == [["b", "c"], ["e"]]


async def test_a_single_call_that_is_given_up_makes_room(far, call):
    (first,) = await start(call, "a")
    first.cancel()
    await settle()
    far.open.set()
    assert await call("b") == "one b"


@pytest.mark.parametrize(
    ("heaviest", "batches"),
    [
        (1, [["bb"], ["c"], ["d"], ["eeee"]]),
        (2, [["bb"], ["c", "d"], ["eeee"]]),
        (3, [["bb", "c"], ["d"], ["eeee"]]),
    ],
)
async def test_a_batch_is_bounded_but_holds_one_call_at_least(far, heaviest, batches):
    call = Coalescer(far.single, far.batch, deadline_seconds=60, max_weight=heaviest, weigh=len)
    tasks = await start(call, "a", "bb", "c", "d", "eeee")
    far.open.set()
    await asyncio.gather(*tasks)
    assert far.batches == batches


async def test_what_one_batch_does_not_hold_goes_out_beside_it(far):
    call = Coalescer(far.single, far.batch, deadline_seconds=60, max_weight=2, max_in_flight=3)
    tasks = await start(call, *"abcdefg")
    assert far.batches == [["b", "c"], ["d", "e"]]
    far.open.set()
    await asyncio.gather(*tasks)


async def test_so_many_are_in_flight(far):
    call = Coalescer(far.single, far.batch, deadline_seconds=60, max_in_flight=1)
    tasks = await start(call, "a", "b")
    tasks += await start(call, "c")
    assert (far.singles, far.batches) == (["a"], [])
    far.open.set()
    await asyncio.gather(*tasks)
    assert far.batches == [["b", "c"]]


async def test_what_waits_too_long_is_given_up(far):
    call = Coalescer(far.single, far.batch, deadline_seconds=-1)
    tasks = await start(call, "a", "b")
    far.open.set()
    with pytest.raises(DeadlineExceeded):
        await tasks[1]
    assert await tasks[0] == "one a"
