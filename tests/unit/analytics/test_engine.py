import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import duckdb
import pytest

from services.analytics.adapters.engine import Engine
from services.analytics.adapters.tables import ArrowStream
from services.shared.errors import Exhausted, Unavailable


class Numbers:
    """A table with the rows 0, 1 and 2 in a column n."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return duckdb.connect().sql("FROM range(3) AS rows (n)").__arrow_c_stream__()


@contextmanager
def numbers() -> Iterator[ArrowStream]:
    yield Numbers()


@contextmanager
def unavailable() -> Iterator[ArrowStream]:
    raise Unavailable("away")
    yield


def run_endlessly(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SELECT max(hash(n)) FROM range(1000000000000000) AS rows (n)")


def sum_of_input(connection: duckdb.DuckDBPyConnection) -> int:
    ((value,),) = connection.execute("SELECT sum(n) FROM input").fetchall()
    return int(value)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(workers=1, queue=1, threads=1, memory_mb=64)
    yield engine
    await engine.close()


async def test_a_query_reads_its_input(engine: Engine) -> None:
    assert await engine.run(numbers, sum_of_input) == 3


async def test_a_cancelled_query_stops_and_frees_its_worker(engine: Engine) -> None:
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def run_endlessly_once_started(connection: duckdb.DuckDBPyConnection) -> None:
        loop.call_soon_threadsafe(started.set)
        run_endlessly(connection)

    running = asyncio.create_task(engine.run(numbers, run_endlessly_once_started))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await engine.run(numbers, sum_of_input) == 3


async def test_a_full_queue_refuses_queries_and_does_not_block_the_loop(engine: Engine) -> None:
    running, waiting = (asyncio.create_task(engine.run(numbers, run_endlessly)) for _ in range(2))
    await asyncio.sleep(0)
    with pytest.raises(Exhausted) as caught:
        await engine.run(numbers, sum_of_input)
    assert caught.value.reason == "TOO_MANY_QUERIES"
    for task in (waiting, running):
        task.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert await engine.run(numbers, sum_of_input) == 3


async def test_a_query_that_needs_too_much_memory_is_refused(engine: Engine) -> None:
    def fill_memory(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("CREATE TEMP TABLE big AS SELECT random() FROM range(100000000)")

    with pytest.raises(Exhausted) as caught:
        await engine.run(numbers, fill_memory)
    assert caught.value.reason == "QUERY_TOO_LARGE"
    assert await engine.run(numbers, sum_of_input) == 3


async def test_a_failed_query_or_input_frees_its_worker(engine: Engine) -> None:
    for _ in range(5):
        with pytest.raises(duckdb.ParserException):
            await engine.run(numbers, lambda connection: connection.execute("no SQL"))
        with pytest.raises(Unavailable):
            await engine.run(unavailable, sum_of_input)
    assert await engine.run(numbers, sum_of_input) == 3


@pytest.mark.parametrize(
    "query",
    ["COPY (SELECT 1) TO 'file.csv'", "ATTACH 'other.db'", "INSTALL json", "FROM read_text('/etc/hostname')"],
)
async def test_queries_cannot_reach_files_or_the_network(engine: Engine, query: str) -> None:
    with pytest.raises(duckdb.Error):
        await engine.run(numbers, lambda connection: connection.execute(query))
