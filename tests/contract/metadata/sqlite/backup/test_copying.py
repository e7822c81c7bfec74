"""Backups of a database that is being written."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.sqlite.backup import copying
from services.metadata.adapters.sqlite.backup.copying import back_up, check
from services.metadata.adapters.sqlite.backup.restoring import restore
from services.metadata.adapters.sqlite.store import SqliteStore, open_store
from services.metadata.application.ports import Tables
from tests.contract.metadata.sqlite.test_store import FORMAT
from tests.support.metadata.flows import source_id
from tests.support.processes.polling import until

# Rows of one change.
TOGETHER = 3


@pytest.fixture(autouse=True)
def _many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy one page at a time, so that commits happen between all pages."""
    monkeypatch.setattr(copying, "_PAGES", 1)


@dataclass
class Writing:
    """The numbers of changes that were begun, and that were acknowledged."""

    begun: int = 0
    acknowledged: int = 0

    async def run(self, store: SqliteStore) -> None:
        while True:
            first = self.begun * TOGETHER
            self.begun += 1
            await store.write(insert_sources(first))
            self.acknowledged = self.begun


def insert_sources(first: int) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        for number in range(first, first + TOGETHER):
            tables.sources.insert(source_id(number), FORMAT, b" " * 900)

    return change


@asynccontextmanager
async def written_store(path: Path) -> AsyncIterator[Writing]:
    """A store with some hundred pages, to which a task writes until the block ends."""
    writing = Writing()
    async with open_store(path, "NORMAL", 100) as store:
        task = asyncio.create_task(writing.run(store))
        await until(lambda: writing.acknowledged >= 400)
        yield writing
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def rows(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}


async def test_a_backup_has_all_changes_up_to_one_moment(tmp_path: Path) -> None:
    async with written_store(tmp_path / "tables.db") as writing:
        for number in range(3):
            earliest = writing.acknowledged
            folder = tmp_path / str(number)
            await asyncio.to_thread(back_up, tmp_path / "tables.db", folder)
            latest = writing.begun
            assert latest > earliest  # the writer did not wait for the backup
            found = sorted(row[0] for row in rows(folder / "tams.db")["sources"])
            changes, rest = divmod(len(found), TOGETHER)
            assert rest == 0
            assert earliest <= changes <= latest
            assert found == sorted(source_id(number) for number in range(changes * TOGETHER))


async def test_a_restored_store_has_the_rows_of_the_backup(tmp_path: Path) -> None:
    async with written_store(tmp_path / "tables.db"):
        made = await asyncio.to_thread(back_up, tmp_path / "tables.db", tmp_path / "backup")
    assert check(tmp_path / "backup") == made
    restored = tmp_path / "new" / "tables.db"
    assert restore(tmp_path / "backup", restored) == made
    before = rows(tmp_path / "backup" / "tams.db")
    assert rows(restored) == before
    assert {name: len(found) for name, found in before.items() if name in made.tables} == made.tables
    async with open_store(restored, "FULL", 100) as store:
        assert await store.read(lambda tables: tables.sources.get(source_id(0))) is not None
        await store.write(lambda tables: tables.sources.insert(source_id(10**6), FORMAT, b"{}"))


async def test_a_stopped_store_is_backed_up(tmp_path: Path) -> None:
    async with open_store(tmp_path / "tables.db", "FULL", 100) as store:
        await store.write(insert_sources(0))
    back_up(tmp_path / "tables.db", tmp_path / "backup")
    assert len(rows(tmp_path / "backup" / "tams.db")["sources"]) == TOGETHER


async def test_a_backup_is_readable_for_its_owner_alone(tmp_path: Path) -> None:
    async with open_store(tmp_path / "tables.db", "FULL", 100):
        back_up(tmp_path / "tables.db", tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "backup" / "tams.db").stat().st_mode & 0o777 == 0o600


async def test_a_backup_leaves_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "other").write_text("kept")
    async with open_store(tmp_path / "tables.db", "FULL", 100):
        with pytest.raises(BackupFailed, match="exists"):
            back_up(tmp_path / "tables.db", tmp_path / "backup")
    assert [path.name for path in (tmp_path / "backup").iterdir()] == ["other"]


def damaged_database(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


def no_database(_path: Path) -> None:
    return


@pytest.mark.parametrize("made", [damaged_database, other_database, no_database])
def test_only_the_database_of_a_store_is_backed_up(tmp_path: Path, made: Callable[[Path], None]) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    made(tmp_path / "tables.db")
    with pytest.raises(BackupFailed):
        back_up(tmp_path / "tables.db", folder / "new")
    assert list(folder.iterdir()) == []
