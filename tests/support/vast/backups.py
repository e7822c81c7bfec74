"""Backups of tables on VAST, for tests: stores and clusters of a schema, and rows of all tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from services.metadata.adapters.vast.backup.copying import NOT_COPIED, back_up
from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.settings import Settings
from services.vast_client.cluster import Cluster, cluster_of
from simulators.vast.server import Server
from tests.support.processes.polling import until
from tests.support.vast.clusters import KEYS, add_rows, address_of, vast_rows

COPIED = sorted(TABLES.keys() - NOT_COPIED)
Rows = dict[str, list[tuple[Any, ...]]]


def settings_of(server: Server, schema: str = "tams") -> Settings:
    """The settings of a metadata service on a schema."""
    hosts = ",".join(url.removeprefix("http://") for url in server.urls)
    return Settings(
        store_url=f"vast://{hosts}/vastdb/{schema}?tls=false",
        vast_access_key=KEYS.access_key,
        vast_secret_key=KEYS.secret_key,
    )


def cluster_on(server: Server, schema: str = "tams", snapshot: str = "", journal: str = "") -> Cluster:
    """A cluster for a command, which closes it."""
    return cluster_of(settings_of(server, schema), journal, snapshot=snapshot)


@asynccontextmanager
async def store_on(server: Server, schema: str = "tams") -> AsyncIterator[VastStore]:
    """An open store on a schema."""
    cluster = Cluster(address_of(server.urls, schema), KEYS)
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=0, max_waiting=1000) as store:
        await until(lambda: store.ready)
        yield store


def back_up_rows(server: Server, folder: Path) -> Rows:
    """Add rows to all tables, and back them up; returns the rows."""
    with closing(cluster_on(server)) as cluster:
        for table in COPIED:
            add_rows(cluster, table, *odd_rows(TABLES[table].columns))
    back_up(cluster_on(server), folder)
    return rows_in(server)


def odd_rows(columns: pa.Schema) -> list[dict[str, Any]]:
    """Rows with extreme values, and with none at all."""
    values: dict[pa.DataType, tuple[Any, ...]] = {
        pa.string(): ("", "é/\0 x", "~" * 1000),
        pa.int64(): (-(2**63), 0, 2**63 - 1),
        pa.binary(): (b"", b"\0\xff{}", b"\n" * 126_000),
        pa.bool_(): (False, True, True),
    }
    rows = [{field.name: values[field.type][number] for field in columns} for number in range(3)]
    return [*rows, *rows, dict.fromkeys(columns.names)]


def rows_in(server: Server, schema: str = "tams") -> Rows:
    """The rows of all tables that backups have, in an order of their own."""
    with closing(cluster_on(server, schema)) as cluster:
        return {table: in_order(vast_rows(cluster, table)) for table in COPIED}


def rows_of_backup(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table in a backup."""
    files = sorted(folder.glob(f"{table}.*.parquet"))
    return [row for file in files for row in parquet.read_table(file).to_pylist()]


def in_order(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The values of rows, in an order that does not depend on that in the table."""
    return sorted((tuple(row.values()) for row in rows), key=repr)
