"""The SQLite store: reads on the event loop, long scans on threads, writes through one writer."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import local
from typing import Final, TypeVar

from services.metadata.adapters.sqlite.connection import Synchronous, open_reader, open_writer
from services.metadata.adapters.sqlite.flows import SqliteFlows
from services.metadata.adapters.sqlite.objects import SqliteObjects
from services.metadata.adapters.sqlite.segments import SqliteSegments
from services.metadata.adapters.sqlite.sources import SqliteSources
from services.metadata.adapters.sqlite.writer import Writer
from services.metadata.application.ports import Tables
from services.shared.errors import Unavailable

T = TypeVar("T")

_SCAN_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class SqliteTables:
    """All tables behind one connection."""

    sources: SqliteSources
    flows: SqliteFlows
    segments: SqliteSegments
    objects: SqliteObjects

    @classmethod
    def on(cls, connection: sqlite3.Connection) -> "SqliteTables":
        """The tables behind a connection."""
        return cls(
            SqliteSources(connection),
            SqliteFlows(connection),
            SqliteSegments(connection),
            SqliteObjects(connection),
        )


class SqliteStore:
    """Runs rules on one database file."""

    def __init__(self, path: Path, writing: sqlite3.Connection, max_waiting: int) -> None:
        self._path = path
        self._written = SqliteTables.on(writing)
        self._writer = Writer(writing, max_waiting)
        self._reading = open_reader(path)
        self._read_tables: Tables = SqliteTables.on(self._reading)
        self._scanners = ThreadPoolExecutor(_SCAN_THREADS, "scan")
        self._of_thread = local()

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query, run where the caller is: a hand-off would cost more."""
        return _guarded(query, self._read_tables)

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a long query, run on a thread with a connection of its own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scanners, self._scan, query)

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, once committed."""
        result: T = await self._writer.run(lambda: change(self._written))
        return result

    async def close(self) -> None:
        """Finish waiting writes, then close the file."""
        await self._writer.close()
        self._scanners.shutdown()
        self._reading.close()

    def _scan(self, query: Callable[[Tables], T]) -> T:
        if not hasattr(self._of_thread, "tables"):
            self._of_thread.tables = SqliteTables.on(open_reader(self._path))
        return _guarded(query, self._of_thread.tables)


@asynccontextmanager
async def open_store(path: Path, synchronous: Synchronous, max_waiting: int) -> AsyncIterator[SqliteStore]:
    """The store on a file, made if it is missing; StartupError when it cannot be opened."""
    store = SqliteStore(path, open_writer(path, synchronous), max_waiting)
    try:
        yield store
    finally:
        await store.close()


def _guarded(query: Callable[[Tables], T], tables: Tables) -> T:
    try:
        return query(tables)
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the database failed: {error}", reason="STORE_UNAVAILABLE") from error
