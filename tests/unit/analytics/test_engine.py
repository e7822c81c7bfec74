import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import duckdb
import pytest

from services.analytics.adapters.engine import Engine
from services.analytics.adapters.tables import ArrowStream
from services.shared.errors import Exhausted, Unavailable


class Numbers:
    """0, 1 and 2 in a column n."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return duckdb.connect().sql("FROM range(3) AS rows (n)").__arrow_c_stream__()


@contextmanager
def numbers() -> Iterator[ArrowStream]:
    yield Numbers()


@contextmanager
def away() -> Iterator[ArrowStream]:
    raise Unavailable("away")
    yield


def endless(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SELECT max(hash(n)) FROM range(1000000000000000) AS rows (n)")


def total(connection: duckdb.DuckDBPyConnection) -> int:
    ((found,),) = connection.execute("SELECT sum(n) FROM input").fetchall()
    return int(found)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(workers=1, queue=1, threads=1, memory_mb=64)
    yield engine
    await engine.close()


async def test_a_query_sees_its_input(engine):
    assert await engine.run(numbers, total) == 3


async def test_a_cancelled_query_stops_and_frees_its_place(engine):
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell_and_go_on(connection: duckdb.DuckDBPyConnection) -> None:
        loop.call_soon_threadsafe(started.set)
        endless(connection)

    running = asyncio.create_task(engine.run(numbers, tell_and_go_on))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await engine.run(numbers, total) == 3


async def test_a_full_queue_refuses_and_the_loop_stays_free(engine):
    running, waiting = (asyncio.create_task(engine.run(numbers, endless)) for _ in range(2))
    await asyncio.sleep(0)
    with pytest.raises(Exhausted) as caught:
        await engine.run(numbers, total)
    assert caught.value.reason == "TOO_MANY_QUERIES"
    for one in (waiting, running):
        one.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert await engine.run(numbers, total) == 3


async def test_too_little_memory_is_no_fault_of_ours(engine):
    def greedy(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("CREATE TEMP TABLE big AS SELECT random() FROM range(100000000)")

    with pytest.raises(Exhausted) as caught:
        await engine.run(numbers, greedy)
    assert caught.value.reason == "QUERY_TOO_LARGE"
    assert await engine.run(numbers, total) == 3


async def test_a_failing_query_or_source_frees_its_place(engine):
    for _ in range(5):
        with pytest.raises(duckdb.ParserException):
            await engine.run(numbers, lambda connection: connection.execute("no SQL"))
        with pytest.raises(Unavailable):
            await engine.run(away, total)
    assert await engine.run(numbers, total) == 3


@pytest.mark.parametrize(
    "query",
    ["COPY (SELECT 1) TO 'file.csv'", "ATTACH 'other.db'", "INSTALL json", "FROM read_text('/etc/hostname')"],
)
async def test_queries_reach_no_file_and_no_network(engine, query):
    with pytest.raises(duckdb.Error):
        await engine.run(numbers, lambda connection: connection.execute(query))
