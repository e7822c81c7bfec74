"""Backups that cannot be restored change nothing."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.sqlite.backup.copying import back_up, check
from services.metadata.adapters.sqlite.backup.restoring import restore
from services.metadata.adapters.sqlite.file.evolution import SCHEMA_VERSION
from services.metadata.adapters.sqlite.store import open_store
from tests.contract.metadata.sqlite.test_store import insert_source


@pytest.fixture
async def backup(tmp_path: Path) -> Path:
    """A backup of a small store."""
    async with open_store(tmp_path / "old" / "tables.db", "NORMAL", 100) as store:
        for number in range(20):
            await store.write(insert_source(number, 4000))
        back_up(tmp_path / "old" / "tables.db", tmp_path / "backup")
    return tmp_path / "backup"


def change_manifest(**members: object) -> Callable[[Path], None]:
    def change(backup: Path) -> None:
        path = backup / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **members}))

    return change


def change_a_byte(backup: Path) -> None:
    content = bytearray((backup / "tams.db").read_bytes())
    content[len(content) // 2] ^= 1
    (backup / "tams.db").write_bytes(content)


def cut_short(backup: Path) -> None:
    (backup / "tams.db").write_bytes((backup / "tams.db").read_bytes()[:-1])


def remove_database(backup: Path) -> None:
    (backup / "tams.db").unlink()


def remove_manifest(backup: Path) -> None:
    (backup / "manifest.json").unlink()


def cut_manifest_short(backup: Path) -> None:
    path = backup / "manifest.json"
    path.write_text(path.read_text()[:-20])


def count_other_rows(backup: Path) -> None:
    tables = json.loads((backup / "manifest.json").read_text())["tables"]
    change_manifest(tables={**tables, "sources": 19})(backup)


DAMAGED = [
    change_a_byte,
    cut_short,
    remove_database,
    remove_manifest,
    cut_manifest_short,
    count_other_rows,
    change_manifest(engine="vast"),
    change_manifest(format=2, engine="later"),
    change_manifest(files=[{"name": "../tams.db", "bytes": 1, "sha256": ""}]),
]


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_backup_is_neither_intact_nor_restored(
    tmp_path: Path, backup: Path, damage: Callable[[Path], None]
) -> None:
    damage(backup)
    with pytest.raises(BackupFailed):
        check(backup)
    (tmp_path / "new").mkdir()
    with pytest.raises(BackupFailed):
        restore(backup, tmp_path / "new" / "tables.db")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_backup_of_a_newer_version_is_not_restored(tmp_path: Path, backup: Path) -> None:
    change_manifest(schema_version=SCHEMA_VERSION + 1)(backup)
    with pytest.raises(BackupFailed, match=rf"schema version {SCHEMA_VERSION + 1}, newer than this program"):
        restore(backup, tmp_path / "tables.db")
    assert not (tmp_path / "tables.db").exists()


@pytest.mark.parametrize("name", ["tables.db", "tables.db-wal", "tables.db-shm", "tables.db-marker"])
def test_an_existing_store_is_not_replaced(tmp_path: Path, backup: Path, name: str) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / name).write_text("kept")
    with pytest.raises(BackupFailed, match=f"{name} exists"):
        restore(backup, tmp_path / "new" / "tables.db")
    assert [(path.name, path.read_text()) for path in (tmp_path / "new").iterdir()] == [(name, "kept")]


async def test_a_store_that_starts_during_a_restore_is_kept(
    tmp_path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "new" / "tables.db"

    def start_a_store(*_: object) -> None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE other (id)")

    monkeypatch.setattr("services.metadata.adapters.sqlite.backup.restoring.compare", start_a_store)
    with pytest.raises(BackupFailed, match="exists"):
        restore(backup, database)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM other").fetchone() == (0,)
    assert [path.name for path in database.parent.iterdir()] == ["tables.db"]
