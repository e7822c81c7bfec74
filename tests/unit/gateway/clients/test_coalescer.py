import asyncio
from collections.abc import Sequence

import pytest

from gateway.clients import coalescer
from gateway.clients.coalescer import Coalescer, sizes_of_batches
from services.shared.errors import DeadlineExceeded, Internal, NotFound, TamsError, Unavailable
from services.shared.telemetry.metrics import COUNTS, Distribution, Metrics
from tests.support.processes.polling import until

SIZES = Distribution(COUNTS)


class Service:
    """The called service: records calls, and answers them once it is open."""

    def __init__(self) -> None:
        self.singles: list[str] = []
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()
        self.error: Exception | None = None

    async def single(self, request: str) -> str:
        self.singles.append(request)
        await self.open.wait()
        return f"one {request}"

    async def batch(self, requests: Sequence[str]) -> list[str | TamsError]:
        self.batches.append(list(requests))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return [
            NotFound(request) if request.startswith("missing") else f"many {request}" for request in requests
        ]


@pytest.fixture
async def service() -> Service:
    return Service()


@pytest.fixture
async def call(service: Service) -> Coalescer[str, str]:
    return Coalescer(service.single, service.batch, deadline_seconds=60, sizes=SIZES)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def start(call: Coalescer[str, str], *requests: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(call(request)) for request in requests]
    await settle()
    return tasks


async def test_a_call_alone_is_sent_at_once(service: Service, call: Coalescer[str, str]) -> None:
    service.open.set()
    assert [await call("a"), await call("b")] == ["one a", "one b"]
    assert (service.singles, service.batches) == (["a", "b"], [])


async def test_calls_during_another_call_are_sent_as_a_batch(
    service: Service, call: Coalescer[str, str]
) -> None:
    tasks = await start(call, "a", "b", "c")
    assert (service.singles, service.batches) == (["a"], [["b", "c"]])
    service.open.set()
    assert await asyncio.gather(*tasks) == ["one a", "many b", "many c"]


async def test_at_most_two_calls_are_in_flight(service: Service, call: Coalescer[str, str]) -> None:
    tasks = await start(call, "a", "b")
    tasks += await start(call, "c")
    tasks += await start(call, "d", "e")
    assert (service.singles, service.batches) == (["a"], [["b"]])
    service.open.set()
    assert await asyncio.gather(*tasks) == ["one a", "many b", "many c", "many d", "many e"]
    assert service.batches == [["b"], ["c", "d", "e"]]


async def test_a_batch_beside_another_is_as_large_or_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescer, "_PATIENCE_SECONDS", 60)
    sent: dict[str, asyncio.Future[None]] = {}

    async def batch(requests: Sequence[str]) -> Sequence[str]:
        end = sent["".join(requests)] = asyncio.get_running_loop().create_future()
        await end
        return requests

    async def single(request: str) -> str:
        return (await batch([request]))[0]

    call = Coalescer(single, batch, deadline_seconds=60, sizes=SIZES)
    tasks = await start(call, "a", "b", "c", "d")
    sent["a"].set_result(None)
    tasks += await start(call, "e", "f")
    assert [*sent] == ["a", "bcd"]
    tasks += await start(call, "g")
    assert [*sent] == ["a", "bcd", "efg"]
    sent["bcd"].set_result(None)
    monkeypatch.setattr(coalescer, "_PATIENCE_SECONDS", 0.001)
    tasks += await start(call, "h")
    await until(lambda: "h" in sent)
    for name in ("efg", "h"):
        sent[name].set_result(None)
    assert await asyncio.gather(*tasks) == [*"abcdefgh"]


async def test_a_batch_has_a_maximum_size(service: Service, call: Coalescer[str, str]) -> None:
    requests = [str(number) for number in range(coalescer.MAX_ITEMS + 10)]
    tasks = await start(call, "a", *requests)
    service.open.set()
    assert await asyncio.gather(*tasks) == ["one a", *(f"many {request}" for request in requests)]
    assert [len(batch) for batch in service.batches] == [coalescer.MAX_ITEMS, 10]


async def test_a_full_queue_refuses_calls(
    service: Service, call: Coalescer[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coalescer, "MAX_WAITING", 2)
    tasks = await start(call, "a", "b")
    tasks += await start(call, "c", "d", "e")
    with pytest.raises(Unavailable):
        await tasks.pop()
    service.open.set()
    assert len(await asyncio.gather(*tasks)) == 4


async def test_each_caller_gets_its_own_error(service: Service, call: Coalescer[str, str]) -> None:
    tasks = await start(call, "a", "b", "missing c", "d")
    service.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [results[0], results[1], results[3]] == ["one a", "many b", "many d"]
    assert isinstance(results[2], NotFound)


async def test_a_failed_batch_fails_only_its_callers(service: Service, call: Coalescer[str, str]) -> None:
    service.error = Unavailable("away")
    tasks = await start(call, "a", "b", "c")
    service.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results == ["one a", service.error, service.error]
    service.error = None
    assert await call("d") == "one d"


async def test_a_reply_of_another_length_than_its_batch_is_an_error(service: Service) -> None:
    async def empty_batch(requests: Sequence[str]) -> list[str | TamsError]:
        return []

    call = Coalescer(service.single, empty_batch, deadline_seconds=60, sizes=SIZES)
    tasks = await start(call, "a", "b")
    service.open.set()
    with pytest.raises(Internal):
        await tasks[1]


async def test_a_cancelled_caller_cancels_only_its_own_call(
    service: Service, call: Coalescer[str, str]
) -> None:
    tasks = await start(call, "a", "b", "c")
    waiting = await start(call, "d", "e")
    for task in (tasks[1], waiting[0]):
        task.cancel()
    await settle()
    service.open.set()
    results = await asyncio.gather(*tasks, *waiting, return_exceptions=True)
    assert [results[0], results[2], results[4]] == ["one a", "many c", "many e"]
    assert service.batches == [["b", "c"], ["e"]]


async def test_a_cancelled_single_call_makes_room(service: Service, call: Coalescer[str, str]) -> None:
    (first,) = await start(call, "a")
    first.cancel()
    await settle()
    service.open.set()
    assert await call("b") == "one b"


@pytest.mark.parametrize(
    ("max_weight", "batches"),
    [
        (1, [["bb"], ["c"], ["d"], ["eeee"]]),
        (2, [["bb"], ["c", "d"], ["eeee"]]),
        (3, [["bb", "c"], ["d"], ["eeee"]]),
    ],
)
async def test_a_batch_has_a_maximum_weight_but_at_least_one_call(
    service: Service, max_weight: int, batches: list[list[str]]
) -> None:
    call = Coalescer(
        service.single,
        service.batch,
        deadline_seconds=60,
        sizes=SIZES,
        max_weight=max_weight,
        weigh=len,
    )
    tasks = await start(call, "a", "bb", "c", "d", "eeee")
    service.open.set()
    await asyncio.gather(*tasks)
    assert service.batches == batches


async def test_calls_beyond_one_batch_are_sent_in_another(service: Service) -> None:
    call = Coalescer(
        service.single,
        service.batch,
        deadline_seconds=60,
        sizes=SIZES,
        max_weight=2,
        max_in_flight=3,
    )
    tasks = await start(call, *"abcdefg")
    assert service.batches == [["b", "c"], ["d", "e"]]
    service.open.set()
    await asyncio.gather(*tasks)


async def test_the_number_of_calls_in_flight_is_configurable(service: Service) -> None:
    call = Coalescer(service.single, service.batch, deadline_seconds=60, sizes=SIZES, max_in_flight=1)
    tasks = await start(call, "a", "b")
    tasks += await start(call, "c")
    assert (service.singles, service.batches) == (["a"], [])
    service.open.set()
    await asyncio.gather(*tasks)
    assert service.batches == [["b", "c"]]


async def test_a_call_that_waits_too_long_fails(service: Service) -> None:
    call = Coalescer(service.single, service.batch, deadline_seconds=-1, sizes=SIZES)
    tasks = await start(call, "a", "b")
    service.open.set()
    with pytest.raises(DeadlineExceeded):
        await tasks[1]
    assert await tasks[0] == "one a"


async def test_the_requests_of_each_call_are_counted(service: Service) -> None:
    sizes = sizes_of_batches(Metrics(), "Get")
    call = Coalescer(service.single, service.batch, deadline_seconds=60, sizes=sizes)
    tasks = await start(call, "a", "b", "c", "d")
    service.open.set()
    await asyncio.gather(*tasks)
    assert (sum(sizes.counts), sizes.sum) == (2, 4)
