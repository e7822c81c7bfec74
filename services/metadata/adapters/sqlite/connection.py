"""Connections to the database file."""

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from services.shared.errors import StartupError

Synchronous = Literal["FULL", "NORMAL"]

SCHEMA_VERSION: Final = 1

# Larger pages suit documents; the memory map spares a copy of each page read.
_PRAGMAS: Final = (
    "PRAGMA cache_size = -65536",
    "PRAGMA mmap_size = 1073741824",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA busy_timeout = 10000",
)


def path_of(store_url: str) -> Path:
    """The file of "sqlite:///relative/path" or "sqlite:////absolute/path"; StartupError for others."""
    scheme, separator, path = store_url.partition(":///")
    if scheme != "sqlite" or not separator or not path:
        raise StartupError(f"TAMS_STORE_URL: expected sqlite:///PATH, got {scheme}:…")
    return Path(path)


def open_writer(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """The one connection that writes; makes the file and its missing tables."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(f"file:{path}?mode=rwc")
        _prepare(connection, synchronous)
    except (OSError, sqlite3.Error) as error:
        raise StartupError(f"cannot open the database {path}: {error}") from None
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that reads."""
    connection = _connect(f"file:{path}?mode=ro")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    return connection


def _prepare(connection: sqlite3.Connection, synchronous: Synchronous) -> None:
    connection.execute("PRAGMA page_size = 8192")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StartupError(f"the database has schema version {version}, newer than this program")
    schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    connection.executescript(schema)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
