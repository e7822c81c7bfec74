"""The list of the places of all objects, with a real file."""

from contextlib import closing
from pathlib import Path

import pytest

from services.metadata.adapters.sqlite import inventory
from services.metadata.adapters.sqlite.file.connection import open_writer
from services.metadata.adapters.sqlite.inventory import ListedObject, list_objects

ADD = """
    INSERT INTO objects (id, storage, storage_path, size, state, created_ms, changed_ms)
    VALUES (?, ?, ?, 5, ?, 0, 0)
"""
ADD_COPY = """
    INSERT INTO object_copies (object_id, storage, storage_path, state, created_ms, changed_ms)
    VALUES (?, ?, ?, ?, 0, 0)
"""


def test_objects_are_listed_without_holding_up_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "_SLICE", 2)
    path = tmp_path / "tables.db"
    with closing(open_writer(path, "NORMAL")) as connection:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("INSERT INTO storages VALUES (1, 's')")
        for name in ("a", "b", "c", "e"):
            connection.execute(ADD, (name, 1, f"p/{name}", "registered"))
        connection.execute(ADD, ("d", 1, "p/d", "allocated"))
        connection.execute(ADD, ("outside", None, None, "registered"))
        for name, state in zip("abcd", ("stored", "copying", "retired", "stored"), strict=True):
            connection.execute(ADD_COPY, (name, 1, f"c/{name}", state))
        listed = list_objects(path)
        found = [next(listed)]
        connection.execute("DELETE FROM objects WHERE id = 'e'")
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        found += listed
    objects = [ListedObject(name, "s", f"p/{name}", name != "d", 5) for name in ("a", "b", "c", "d")]
    copies = [ListedObject(name, "s", f"c/{name}", name == "a", None) for name in ("a", "b", "c", "d")]
    assert found == objects + copies
