"""Connections to the database file."""

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

from services.metadata.adapters.sqlite.file.evolution import SCHEMA_VERSION, add_columns, evolve
from services.shared.errors import StartupError
from services.shared.store_url import Synchronous

# The pages that a connection keeps in memory. Only the writer fills its cache, slowly, with the pages that it
# changes: readers drop theirs after each commit, and read what is no longer in the log from the memory map.
CACHE_MIB: Final = 64
_PRAGMAS: Final = (
    # Larger than the default, because documents are. It goes first: SQLite turns the size of the cache into a
    # number of pages, and keeps that number if the pages of a new file become larger.
    "PRAGMA page_size = 8192",
    f"PRAGMA cache_size = -{CACHE_MIB * 1024}",
    # It saves a copy of each page that is read.
    "PRAGMA mmap_size = 1073741824",
    "PRAGMA temp_store = MEMORY",
    # Milliseconds to wait for the lock of another process.
    "PRAGMA busy_timeout = 10000",
)


def open_writer(path: Path, synchronous: Synchronous, max_bytes: int = 0) -> sqlite3.Connection:
    """The connection that writes. Creates the file and missing tables.

    `max_bytes` is the limit of the file; 0 for the whole disk. StartupError if the file has a newer version,
    sqlite3.Error if it cannot be opened.
    """
    connection = _connect(path, "rwc")
    try:
        _prepare(connection, synchronous)
        _limit(connection, max_bytes)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads. sqlite3.Error if the file cannot be opened."""
    connection = _connect(path, "ro")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    return connection


def schema_text() -> str:
    """The SQL statements that create all tables of this version."""
    return resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")


def _prepare(connection: sqlite3.Connection, synchronous: Synchronous) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StartupError(
            f"the database has schema version {version}, newer than this program; update the program"
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    # A store must start on a full disk, so nothing is written if the version is the same.
    if version != SCHEMA_VERSION:
        add_columns(connection)
    schema = schema_text()
    connection.executescript(schema)
    if version != SCHEMA_VERSION:
        evolve(connection, version, schema)


def _limit(connection: sqlite3.Connection, max_bytes: int) -> None:
    if max_bytes:
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {max(1, max_bytes // page_size)}")
