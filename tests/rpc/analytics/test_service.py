import asyncio
from contextlib import AsyncExitStack

import pytest

from services.analytics.bootstrap import running
from services.analytics.settings import Settings
from services.shared.errors import Exhausted, StartupError, Unavailable
from services.shared.rpc.client import open_channel
from services.shared.timerange import NS
from tests.rpc.analytics.conftest import SERVICES, Analytics, serving_analytics
from tests.support.polling import until

FLOW = "00000000-0000-4000-8000-000000000001"
ALTERNATING = [(2 * n, 2 * n + 1) for n in range(500_000)]


async def test_serves_once_there_are_tables_and_whenever_they_are_there(path, writers):
    async def away() -> bool:
        return not await service.serving()

    async with serving_analytics(path) as service:
        assert await away()
        with pytest.raises(Unavailable):
            await service.usage()
        path.touch()
        assert await away()
        path.unlink()
        writers.open(path).flow(FLOW, [(0, NS)])
        await until(service.serving)
        assert (await service.coverage(FLOW)).covered_ns == NS
        path.rename(path.with_suffix(".gone"))
        await until(away)
        path.with_suffix(".gone").rename(path)
        await until(service.serving)
        assert (await service.coverage(FLOW)).covered_ns == NS


async def test_a_file_that_is_no_database_is_not_served(path):
    path.write_bytes(b"no database" * 1000)
    async with serving_analytics(path) as service:
        with pytest.raises(Unavailable):
            await service.usage()
        assert not await service.serving()


async def test_a_query_that_needs_too_much_memory_is_refused(path, tables):
    tables.flow(FLOW, ALTERNATING)
    async with serving_analytics(path, memory_mb=16, threads=1) as service:
        await until(service.serving)
        with pytest.raises(Exhausted) as caught:
            await service.coverage(FLOW)
        assert caught.value.reason == "QUERY_TOO_LARGE"
        assert (await service.coverage(FLOW, 0, 1000)).segment_count == 500


async def test_more_queries_than_the_queue_holds_are_refused_and_the_others_answered(path, tables):
    tables.flow(FLOW, ALTERNATING)
    async with serving_analytics(path, workers=1, queue=1) as service:
        await until(service.serving)
        calls = [asyncio.create_task(service.coverage(FLOW)) for _ in range(10)]
        assert await service.serving()
        found = await asyncio.gather(*calls, return_exceptions=True)
        refused = [one.reason for one in found if isinstance(one, Exhausted)]
        answered = [one.segment_count for one in found if not isinstance(one, Exception)]
        assert set(refused) == {"TOO_MANY_QUERIES"}
        assert set(answered) == {500_000}
        assert len(refused) + len(answered) == 10


async def test_stopping_ends_running_queries(path, tables):
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
        # The first may be answered before the end, the last cannot.
        await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    found = await asyncio.gather(*pending, return_exceptions=True)
    ended = [one for one in found if isinstance(one, Exception)]
    assert {type(one) for one in ended} == {Unavailable}
    await channel.close()


@pytest.mark.parametrize("url", ["", "sqlite:///", "postgresql://host/db", "tams.db"])
async def test_another_kind_of_store_is_refused_at_start(url):
    with pytest.raises(StartupError, match="sqlite:///path"):
        async with running(Settings(port=0, store_url=url)):
            pass
