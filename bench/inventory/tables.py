"""Fills a SQLite file with the rows of objects, faster than registrations would."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from bench.inventory.objects import in_tables, key, object_id
from services.metadata.adapters.sqlite.store import open_store

_ADD: Final = """
    INSERT INTO objects (id, storage, storage_path, size, state, created_ms, changed_ms)
    VALUES (?, 1, ?, 1000, 'registered', 0, 0)
"""


async def fill(database: Path, storage_id: str, count: int) -> None:
    """Make the tables, with the objects that they have out of `count`."""
    async with open_store(database, "NORMAL", 1):
        pass
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO storages (row, id) VALUES (1, ?)", (storage_id,))
        connection.executemany(_ADD, ((object_id(number), key(number)) for number in in_tables(count)))
