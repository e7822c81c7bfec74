"""The SQLite store: reads on the event loop, long scans on threads, writes through one writer."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar

import msgspec

from services.metadata.adapters.sqlite.file import faults
from services.metadata.adapters.sqlite.file.connection import open_reader
from services.metadata.adapters.sqlite.file.database import Database
from services.metadata.adapters.sqlite.file.watching import watch
from services.metadata.adapters.sqlite.tables import SqliteTables
from services.metadata.adapters.sqlite.writer import Writer
from services.metadata.application.ports import Slow, Stepwise, Tables
from services.shared.errors import DataDamaged, Exhausted
from services.shared.process.background import background
from services.shared.store_url import Synchronous
from services.shared.telemetry.metrics import COUNTS, Distribution, Metrics

T = TypeVar("T")

_SCAN_THREADS: Final = 2
_MAX_SCANS: Final = 256
_log = logging.getLogger(__name__)


class SqliteStore:
    """Runs rules on the tables of a database file."""

    def __init__(self, database: Database, max_waiting: int, metrics: Metrics | None = None) -> None:
        self.path = database.path
        self.database = database
        self._reader, *scan_readers = self._readers = [_Reader(self.path) for _ in range(1 + _SCAN_THREADS)]
        self._writer_tables: Tables = SqliteTables.on(database.connection)
        self._writer = Writer(database, max_waiting, _group_sizes(metrics or Metrics()))
        self.refusal = self._writer.refusal
        self._scan_threads = ThreadPoolExecutor(_SCAN_THREADS, "scan")
        self._idle_readers: SimpleQueue[_Reader] = SimpleQueue()
        for reader in scan_readers:
            self._idle_readers.put(reader)
        self._scans = 0

    @property
    def ready(self) -> bool:
        """Always True, because the tables are opened first."""
        return True

    @property
    def waiting_writes(self) -> int:
        """The number of changes that wait to be committed."""
        return self._writer.waiting

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query. It runs on the event loop, because another thread would cost more."""
        return self._reader.run(query)

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a long query, which runs on a thread with a connection of its own.

        Exhausted QUERIES_WAITING if too many queries wait.
        """
        return await self._on_thread(lambda reader: reader.run(query))

    async def probe(self) -> None:
        """Read a row; Unavailable if the file cannot be read."""
        self._reader.run(lambda tables: tables.webhooks.has_any())

    async def _on_thread(self, query: Callable[["_Reader"], T]) -> T:
        if self._scans >= _MAX_SCANS:
            raise Exhausted("too many long queries are waiting", reason="QUERIES_WAITING")
        self._scans += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._scan_threads, self._scan, query)
        finally:
            self._scans -= 1

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, after its commit. The errors are those of Writer.run."""
        slow = isinstance(change, Slow | Stepwise)
        return await self._writer.run(lambda: change(self._writer_tables), slow=slow)

    async def inspect(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """The result of a query on a connection, such as one about the schema. It may take long."""
        return await self._on_thread(lambda reader: reader.inspect(query))

    async def alter(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """The result of a change on the writer's connection, such as one of the schema, after its commit."""
        return await self._writer.run(lambda: change(self.database.connection), slow=True)

    async def close(self) -> None:
        """Finish the waiting changes, then close the file."""
        await self._writer.finish()
        await asyncio.to_thread(self._scan_threads.shutdown)
        for reader in self._readers:
            reader.close()
        # The last connection to close moves the log into the file, so it must be the one that can write.
        self.database.close()

    def _scan(self, query: Callable[["_Reader"], T]) -> T:
        reader = self._idle_readers.get()
        try:
            return query(reader)
        finally:
            self._idle_readers.put(reader)


class _Reader:
    """A connection for queries. Each query sees one snapshot of the tables."""

    def __init__(self, path: Path) -> None:
        self._connection = open_reader(path)
        self._tables: Tables = SqliteTables.on(self._connection)

    def run(self, query: Callable[[Tables], T]) -> T:
        """The result of a query; Unavailable if SQLite fails, DataDamaged if stored data are damaged."""
        return self.inspect(lambda _: query(self._tables))

    def inspect(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """The result of a query on the connection; the errors are those of `run`."""
        try:
            self._connection.execute("BEGIN")
            try:
                return query(self._connection)
            finally:
                self._connection.execute("ROLLBACK")
        except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
            fault = faults.engine_fault(error, None)
            if fault is None:
                raise
            if isinstance(fault, DataDamaged):
                _log.error("stored data is damaged", extra={"reason": fault.summary})
            raise fault from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@asynccontextmanager
async def open_store(
    path: Path,
    synchronous: Synchronous,
    max_waiting: int,
    max_bytes: int = 0,
    metrics: Metrics | None = None,
) -> AsyncIterator[SqliteStore]:
    """The store on a file, which is created if it is missing. StartupError if it cannot be opened.

    At most `max_waiting` changes wait. `max_bytes` is the limit of the file; 0 for the whole disk.
    """
    store = SqliteStore(Database(path, synchronous, max_bytes), max_waiting, metrics)
    try:
        async with background(watch(store)):
            yield store
    finally:
        await store.close()


def _group_sizes(metrics: Metrics) -> Distribution:
    return metrics.histogram(
        "tams_store_group_size", "Changes that were committed together.", bounds=COUNTS
    ).cell()
