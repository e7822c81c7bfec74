"""VAST clusters for tests: the protocol server, and connections to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from copy import copy
from functools import cache
from typing import Any

import pyarrow as pa
from vastdb.table_metadata import TableMetadata

from services.metadata.adapters.vast.reading.cache import RowCache
from services.metadata.adapters.vast.schema import COLUMNS, TABLES
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.adapters.vast.writing.locks import Locks
from services.metadata.application.ports import Store
from services.vast_client.cluster import Cluster
from services.vast_client.connections.address import VastAddress
from services.vast_client.connections.credentials import Credentials
from services.vast_client.filters.filters import EVERYTHING, Filter
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import ROW_ID, Transaction
from simulators.vast.database import Database
from simulators.vast.server import Options, Server, running_server

KEYS = Credentials("access", "secret")


@contextmanager
def vast_server(endpoints: int = 2, *, with_store: bool = False, **options: Any) -> Iterator[Server]:
    """A running server. With a store, it has the tables that a metadata process has created and left."""
    secrets = {KEYS.access_key: KEYS.secret_key}
    tables = store_tables() if with_store else None
    with running_server(Options(ports=(0,) * endpoints, secrets=secrets, **options), tables) as server:
        yield server


@cache
def store_tables() -> Database:
    """A database with the tables of a new store. Creating them takes much longer than copying them."""
    with vast_server() as server:
        opening = open_and_close(Cluster(address_of(server.urls), KEYS))
        # Callers may have a running event loop in this thread.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, opening).result()
    return server.database


@cache
def opened_tables() -> tuple[Locks, dict[str, TableMetadata]]:
    """The rows of locks and the columns of `store_tables`, which are the same in copies of them."""
    with vast_server(with_store=True) as server, closing(Cluster(address_of(server.urls), KEYS)) as cluster:
        return Locks(cluster), {name: cluster.catalog.metadata(name) for name in TABLES}


async def open_and_close(cluster: Cluster) -> None:
    """Open a store, which creates its tables, and close it."""
    async with open_vast_store(cluster, cache_entries=1, cache_seconds=0, max_waiting=1):
        pass


@asynccontextmanager
async def store_on_open_tables(cluster: Cluster, cache_seconds: float = 1.0) -> AsyncIterator[VastStore]:
    """A store on the unchanged tables of `store_tables`.

    It neither checks them nor reads their columns and the rows of locks, which takes longer than most tests.
    It does not notice when tables are lost.
    """
    locks, tables = await asyncio.to_thread(opened_tables)
    cluster.catalog._cached.update(tables)  # noqa: SLF001 - an opening sends requests to fill it
    store = VastStore(cluster, RowCache(100, cache_seconds), max_waiting=1000)
    try:
        store.open_as(copy(locks))
        yield store
    finally:
        await store.close()


def address_of(urls: Sequence[str], schema: str = "tams") -> VastAddress:
    hosts = ",".join(url.removeprefix("http://") for url in urls)
    return VastAddress.parse(f"vast://{hosts}/vastdb/{schema}?tls=false")


@contextmanager
def vast_cluster(*, with_store: bool = False) -> Iterator[Cluster]:
    with vast_server(with_store=with_store) as server:
        yield Cluster(address_of(server.urls), KEYS)


def vast_cluster_of(store: Store) -> Cluster:
    """The cluster of a store, which must be on VAST."""
    assert isinstance(store, VastStore)
    return store.cluster


def _with_statistics(row: dict[str, Any]) -> bool:
    return row["updated"] is not None


def vast_rows(cluster: Cluster, table: str) -> list[dict[str, Any]]:
    if table == "flow_stats":  # in the flow's own row, and in `timelines` once the flow is deleted
        return [*filter(_with_statistics, vast_rows(cluster, "flows")), *vast_rows(cluster, "timelines")]

    def read(transaction: Transaction) -> pa.Table:
        return transaction.select(table, COLUMNS[table], EVERYTHING, kind=Kind.SCAN)

    rows: list[dict[str, Any]] = cluster.run(read).to_pylist()
    return rows


def change_rows(cluster: Cluster, table: str, where: Filter, **values: Any) -> None:
    """Write values into rows without the checks of the service; columns of the sort key cannot be changed."""

    def work(transaction: Transaction) -> None:
        found = transaction.select(table, (*COLUMNS[table],), where, kind=Kind.SCAN, row_ids=True)
        types = TABLES[table].columns
        arrays = {
            name: pa.array([value] * found.num_rows, types.field(name).type) for name, value in values.items()
        }
        transaction.update(table, pa.table({ROW_ID: found[ROW_ID], **arrays}))
        transaction.commit()

    cluster.run(work)


def add_rows(cluster: Cluster, table: str, *rows: dict[str, Any]) -> None:
    """Add rows without the checks of the service."""

    def work(transaction: Transaction) -> None:
        transaction.insert(table, pa.RecordBatch.from_pylist(list(rows), TABLES[table].columns))
        transaction.commit()

    cluster.run(work)


def remove_rows(cluster: Cluster, table: str, where: Filter) -> None:
    """Remove rows without the checks of the service."""

    def work(transaction: Transaction) -> None:
        found = transaction.select(table, (*COLUMNS[table],), where, kind=Kind.SCAN, row_ids=True)
        transaction.delete(table, found[ROW_ID])
        transaction.commit()

    cluster.run(work)
