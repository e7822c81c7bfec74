"""The opening of the tables: lost replies, an unreachable database, wrong keys, and lost tables."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.ports.administration import Projection
from services.shared.errors import StartupError, Unavailable
from services.vast_client.cluster import Cluster
from services.vast_client.connections.credentials import Credentials
from services.vast_client.failures import translated_sdk_errors
from services.vast_client.transactions.transaction import Transaction
from simulators.vast.endpoints.faults import Fault, dropped, lost_reply
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import KEYS, address_of

SECONDS = 60


@asynccontextmanager
async def a_store(
    server: Server, keys: Credentials = KEYS, schema: str = "tams", bucket: str = "vastdb"
) -> AsyncIterator[VastStore]:
    address = address_of(server.urls, schema)
    object.__setattr__(address, "bucket", bucket)
    cluster = Cluster(address, keys, (1.0, 2.0))
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=1, max_waiting=1000) as store:
        yield store


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - the condition sets no event
            await asyncio.sleep(0.02)


OPERATIONS = [
    "begin", "commit", "rollback", "query", "insert", "update", "create_schema", "create_table",
    "table_stats", "list_tables", "list_columns", "create_projection", "head_bucket",
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_requests_with_lost_replies_are_repeated_at_the_start(server: Server, operation: str) -> None:
    faults: list[Fault] = [lost_reply(operation, skip=skip) for skip in (0, 0, 1, 3)]
    for fault in (*faults, dropped(operation)):
        server.add_fault(fault)
    async with a_store(server) as store:
        await until(lambda: store.ready)
        await Metadata(store).put(a_flow(1))
        assert {projection.name for projection in await projections(store)} == {"by_object"}


@pytest.mark.parametrize("operation", ["list_tables", "list_columns", "table_stats", "list_projections"])
async def test_reads_of_the_administration_are_repeated_too(server: Server, operation: str) -> None:
    async with a_store(server) as store:
        await until(lambda: store.ready)
        administration = VastAdministration(store)
        for read in (
            administration.tables,
            partial(administration.table, "flows"),
            partial(projections, store),
        ):
            server.add_fault(lost_reply(operation))
            assert await read()


async def projections(store: VastStore) -> list[Projection]:
    return await VastAdministration(store).projections("segments")


async def test_the_wait_for_an_unreachable_database_is_logged_once(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    async with a_store(server) as store:
        assert not store.ready
        with pytest.raises(Unavailable):
            await Metadata(store).put(a_flow(1))
        server.start()
        await until(lambda: store.ready)
        await Metadata(store).put(a_flow(1))
    messages = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert messages.count("waiting for the database") == messages.count("the database answers") == 1


async def test_wrong_keys_are_a_startup_error(server: Server) -> None:
    with pytest.raises(StartupError, match="cannot open the tables on VAST"):
        async with a_store(server, Credentials("access", "wrong")):
            pytest.fail("the store opened")


async def test_an_unknown_bucket_is_a_startup_error(server: Server) -> None:
    with pytest.raises(StartupError, match="cannot open the tables on VAST"):
        async with a_store(server, bucket="nobody"):
            pytest.fail("the store opened")


async def test_wrong_keys_end_a_store_that_waits_for_the_database(server: Server) -> None:
    server.stop()

    async def wait() -> None:
        async with a_store(server, Credentials("access", "wrong")):
            server.start()
            await asyncio.Event().wait()

    with pytest.raises(StartupError, match="cannot open the tables on VAST"):
        await asyncio.wait_for(wait(), SECONDS)


def drop_tables(store: VastStore, keep: frozenset[str] = frozenset()) -> None:
    """Drop the tables, as if the database had started empty."""

    def drop(transaction: Transaction) -> None:
        address = store.cluster.address
        with translated_sdk_errors():
            schema: Any = transaction.raw.bucket(address.bucket).schema(address.schema)
            for table in schema.tables():
                if table.name not in keep:
                    table.drop()
            if not keep:
                schema.drop()
        transaction.commit()

    store.cluster.run(drop)


@pytest.mark.parametrize(
    "keep", [frozenset(), frozenset({"locks", "flows", "sources"})], ids=["none", "some"]
)
async def test_lost_tables_are_created_again(
    server: Server, keep: frozenset[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with a_store(server) as store:
        metadata = Metadata(store)
        await metadata.put(a_flow(1))
        await metadata.register(1, a_segment(0, 1))
        await asyncio.to_thread(drop_tables, store, keep)

        async def write() -> None:
            await metadata.put(a_flow(2))
            assert await metadata.register(2, a_segment(0, 1)) == []

        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    await write()
                    break
                except Unavailable:
                    await asyncio.sleep(0.02)
        server.add_fault(lost_reply("commit"))
        assert await metadata.register(2, a_segment(1, 2)) == []
    assert "the database has lost tables: they are created again, empty" in caplog.messages
