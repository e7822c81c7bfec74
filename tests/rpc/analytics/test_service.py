import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.analytics.bootstrap import running
from services.analytics.settings import Settings
from services.shared.errors import Exhausted, StartupError, Unavailable
from services.shared.rpc.client import open_channel
from services.shared.timerange import NS
from tests.rpc.analytics.conftest import SERVICES, Analytics, Writer, serving_analytics
from tests.support.processes.polling import until
from tests.support.tables.sqlite import WriterProcess

FLOW = "00000000-0000-4000-8000-000000000001"
ALTERNATING = [(2 * n, 2 * n + 1) for n in range(500_000)]


async def test_the_service_is_serving_while_the_tables_exist(path: Path, writers: WriterProcess) -> None:
    async def not_serving() -> bool:
        return not await service.serving()

    async with serving_analytics(path) as service:
        assert await not_serving()
        with pytest.raises(Unavailable):
            await service.usage()
        path.touch()
        assert await not_serving()
        path.unlink()
        writers.open(path).flow(FLOW, [(0, NS)])
        await until(service.serving)
        assert (await service.coverage(FLOW)).covered_ns == NS
        path.rename(path.with_suffix(".gone"))
        await until(not_serving)
        path.with_suffix(".gone").rename(path)
        await until(service.serving)
        assert (await service.coverage(FLOW)).covered_ns == NS


async def test_a_service_of_a_malformed_database_is_not_serving(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    async with serving_analytics(path) as service:
        with pytest.raises(Unavailable):
            await service.usage()
        assert not await service.serving()


async def test_a_query_that_needs_too_much_memory_is_refused(path: Path, tables: Writer) -> None:
    tables.flow(FLOW, ALTERNATING)
    async with serving_analytics(path, memory_mb=16, threads=1) as service:
        await until(service.serving)
        with pytest.raises(Exhausted) as caught:
            await service.coverage(FLOW)
        assert caught.value.reason == "QUERY_TOO_LARGE"
        assert (await service.coverage(FLOW, 0, 1000)).segment_count == 500


async def test_queries_beyond_the_queue_are_refused(path: Path, tables: Writer) -> None:
    tables.flow(FLOW, ALTERNATING)
    async with serving_analytics(path, workers=1, queue=1) as service:
        await until(service.serving)
        calls = [asyncio.create_task(service.coverage(FLOW)) for _ in range(10)]
        assert await service.serving()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        refused = [outcome.reason for outcome in outcomes if isinstance(outcome, Exhausted)]
        answered = [outcome.segment_count for outcome in outcomes if not isinstance(outcome, BaseException)]
        assert set(refused) == {"TOO_MANY_QUERIES"}
        assert set(answered) == {500_000}
        assert len(refused) + len(answered) == 10


async def test_a_stopping_service_ends_running_queries(path: Path, tables: Writer) -> None:
    tables.flow(FLOW, ALTERNATING)
    settings = Settings(
        port=0, drain_seconds=0, grace_seconds=0, store_url=f"sqlite:///{path}", workers=1, queue=10
    )
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(settings))
        channel = open_channel(f"127.0.0.1:{server.port}", SERVICES)
        service = Analytics(server.port, channel)
        await until(service.serving)
        pending = [asyncio.create_task(service.coverage(FLOW)) for _ in range(10)]
        # The first query may be answered before the service stops. The last one cannot.
        await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    outcomes = await asyncio.gather(*pending, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert {type(error) for error in errors} == {Unavailable}
    await channel.close()


@pytest.mark.parametrize("url", ["", "sqlite:///", "postgresql://host/db", "tams.db"])
async def test_a_store_url_of_another_kind_is_a_startup_error(url: str) -> None:
    with pytest.raises(StartupError, match="sqlite:///path"):
        async with running(Settings(port=0, store_url=url)):
            pass
