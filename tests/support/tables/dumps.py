"""Databases of earlier versions, as text."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.support.project.repository import ROOT

# For each schema NAME.sql, the database, and NAME.json, the answers of its own version to GET requests. A
# name begins with the version of the schema.
STORES: Final = ROOT / "tests/contract/metadata/sqlite/upgrades/stores"


def restored(name: str, folder: Path) -> Path:
    """A database file with the content of a dump."""
    path = folder / "tams.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((STORES / f"{name}.sql").read_text("utf-8"))
    return path


def dump(path: Path) -> str:
    """The content of a database file as statements."""
    with closing(sqlite3.connect(path)) as connection:
        return "".join(f"{line}\n" for line in _statements(connection))


def _statements(connection: sqlite3.Connection) -> Iterator[str]:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    yield from connection.iterdump()
    yield f"PRAGMA user_version = {version};"
