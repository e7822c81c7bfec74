"""The SQLite store: reads on the event loop, long scans on threads, writes through one writer."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar

from services.metadata.adapters.sqlite.connection import Synchronous, open_reader, open_writer
from services.metadata.adapters.sqlite.tables import SqliteTables
from services.metadata.adapters.sqlite.writer import Writer
from services.metadata.application.ports import Tables
from services.shared.errors import Exhausted, Unavailable

T = TypeVar("T")

_SCAN_THREADS: Final = 2
_MAX_SCANS: Final = 256


class SqliteStore:
    """Runs rules on one database file."""

    def __init__(self, path: Path, writing: sqlite3.Connection, max_waiting: int) -> None:
        self.path = path
        self._reader, *scanning = self._readers = [_Reader(path) for _ in range(1 + _SCAN_THREADS)]
        self._writing = writing
        self._written: Tables = SqliteTables.on(writing)
        self._writer = Writer(writing, max_waiting)
        self._scanners = ThreadPoolExecutor(_SCAN_THREADS, "scan")
        self._idle: SimpleQueue[_Reader] = SimpleQueue()
        for reader in scanning:
            self._idle.put(reader)
        self._scans = 0

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query, run where the caller is: a hand-off would cost more."""
        return self._reader.run(query)

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a long query, run on a thread with a connection of its own."""
        return await self._on_thread(lambda reader: reader.run(query))

    async def _on_thread(self, query: Callable[["_Reader"], T]) -> T:
        if self._scans >= _MAX_SCANS:
            raise Exhausted("too many long queries are waiting", reason="QUERIES_WAITING")
        self._scans += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._scanners, self._scan, query)
        finally:
            self._scans -= 1

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, once committed."""
        result: T = await self._writer.run(lambda: change(self._written))
        return result

    async def inspect(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """The result of a query about the tables themselves, as long as it takes."""
        return await self._on_thread(lambda reader: reader.inspect(query))

    async def alter(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """The result of a change of the tables themselves, once committed."""
        result: T = await self._writer.run(lambda: change(self._writing))
        return result

    async def close(self) -> None:
        """Finish waiting writes, then close the file."""
        await self._writer.finish()
        await asyncio.to_thread(self._scanners.shutdown)
        for reader in self._readers:
            reader.close()
        # Last, because only a connection that may write can fold the log into the file.
        self._writing.close()

    def _scan(self, query: Callable[["_Reader"], T]) -> T:
        reader = self._idle.get()
        try:
            return query(reader)
        finally:
            self._idle.put(reader)


class _Reader:
    """A connection that reads; each query sees one state of the tables."""

    def __init__(self, path: Path) -> None:
        self._connection = open_reader(path)
        self._tables: Tables = SqliteTables.on(self._connection)

    def run(self, query: Callable[[Tables], T]) -> T:
        """The result of a query; Unavailable when the engine fails."""
        return self.inspect(lambda _: query(self._tables))

    def inspect(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """The result of a query on the connection itself; Unavailable when the engine fails."""
        try:
            self._connection.execute("BEGIN")
            try:
                return query(self._connection)
            finally:
                self._connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the database failed: {error}", reason="STORE_UNAVAILABLE") from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@asynccontextmanager
async def open_store(path: Path, synchronous: Synchronous, max_waiting: int) -> AsyncIterator[SqliteStore]:
    """The store on a file, made if it is missing; StartupError when it cannot be opened."""
    store = SqliteStore(path, open_writer(path, synchronous), max_waiting)
    try:
        yield store
    finally:
        await store.close()
