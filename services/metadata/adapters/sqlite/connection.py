"""Connections to the database file."""

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from services.shared.errors import StartupError

Synchronous = Literal["FULL", "NORMAL"]

SCHEMA_VERSION: Final = 1

# Larger pages suit documents; the memory map spares a copy of each page read.
_PRAGMAS: Final = (
    "PRAGMA cache_size = -65536",
    "PRAGMA mmap_size = 1073741824",
    "PRAGMA temp_store = MEMORY",
    # How long to wait for another process's lock.
    "PRAGMA busy_timeout = 10000",
)


def open_writer(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """The one connection that writes; makes the file and its missing tables."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(path, "rwc")
        try:
            _prepare(connection, synchronous)
        except BaseException:
            connection.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise StartupError(f"cannot open the database {path}: {error}") from None
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that reads."""
    connection = _connect(path, "ro")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    return connection


def _prepare(connection: sqlite3.Connection, synchronous: Synchronous) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StartupError(f"the database has schema version {version}, newer than this program")
    connection.execute("PRAGMA page_size = 8192")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    connection.executescript(schema)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
