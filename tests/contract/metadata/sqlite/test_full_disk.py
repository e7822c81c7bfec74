"""A store on a full, read-only, failing or damaged disk."""

import logging
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from services.metadata.adapters.sqlite.administration.administration import SqliteAdministration
from services.metadata.adapters.sqlite.file import faults, watching
from services.metadata.adapters.sqlite.store import SqliteStore, open_store
from services.metadata.application.ports import Tables
from services.metadata.domain.ids import SourceId
from services.shared.errors import DataDamaged, StartupError, Unavailable
from tests.contract.metadata.sqlite.test_store import insert_source, source_numbers
from tests.support.metadata.flows import source_id
from tests.support.processes.polling import until
from tests.support.processes.small_disk import required_disk

MEBIBYTE = 1024 * 1024


async def write_until_refused(store: SqliteStore, size: int = MEBIBYTE) -> tuple[list[int], Unavailable]:
    """Write sources until a write is refused. Returns the acknowledged numbers and the error."""
    acknowledged: list[int] = []
    for number in range(1, 300):
        try:
            await store.write(insert_source(number, size))
        except Unavailable as error:
            return acknowledged, error
        acknowledged.append(number)
    raise AssertionError("no write was refused")


def delete_all(tables: Tables, source_ids: Iterable[str]) -> None:
    for source in source_ids:
        tables.sources.delete(SourceId(source))


@pytest.fixture
def frequent_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.001)


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path / "tables.db", "NORMAL", 100, 8 * MEBIBYTE) as store:
        yield store


async def test_a_store_at_its_limit_refuses_writes_and_allows_reads_and_deletions(
    limited: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    acknowledged, error = await write_until_refused(limited)
    assert error.reason == "STORAGE_FULL"
    assert "its limit of 8388608 bytes" in error.summary
    assert await limited.read(source_numbers) == acknowledged
    with pytest.raises(Unavailable):
        await limited.write(insert_source(250, MEBIBYTE))
    assert limited.refusal.error is not None
    (line,) = [record.message for record in caplog.records]
    assert line.startswith("writes are refused, reads continue: the database has reached its limit")
    await limited.write(lambda tables: delete_all(tables, map(source_id, acknowledged)))
    await until(lambda: limited.refusal.error is None)
    assert caplog.records[-1].message == "writes work again"
    await limited.write(insert_source(250, MEBIBYTE))


async def fill(store: SqliteStore) -> list[int]:
    """Write until not even a small source finds room. Returns the numbers of those with 20,000 bytes."""
    large, _ = await write_until_refused(store)
    small: list[int] = []
    with suppress(Unavailable):
        for number in range(len(large) + 1, 300):
            await store.write(insert_source(number, 20_000))
            small.append(number)
    return small


async def test_a_small_write_does_not_end_the_refusal(limited: SqliteStore) -> None:
    small = await fill(limited)
    await limited.write(insert_source(298, 10))
    assert limited.refusal.error is not None
    await limited.write(lambda tables: delete_all(tables, map(source_id, small)))
    await limited.write(lambda tables: delete_all(tables, map(source_id, range(1, small[0]))))
    await until(lambda: limited.refusal.error is None)


@pytest.mark.usefixtures("frequent_checks")
async def test_the_test_of_the_room_takes_it_from_no_other_write(limited: SqliteStore) -> None:
    small = await fill(limited)
    await limited.write(lambda tables: delete_all(tables, map(source_id, small[:15])))
    for _ in range(200):
        limited.refusal.note(Unavailable("a large write was refused", reason="STORAGE_FULL"))
        await limited.write(insert_source(299, 100_000))
        await limited.write(lambda tables: delete_all(tables, [source_id(299)]))


async def test_a_full_disk_refuses_writes_until_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with required_disk(tmp_path / "disk", 24) as disk:
        async with open_store(disk.folder / "tables.db", "FULL", 100) as store:
            await store.write(insert_source(299))
            disk.fill()
            await until(lambda: store.refusal.error is not None)
            acknowledged, error = await write_until_refused(store)
            assert (error.reason, error.summary) == ("STORAGE_FULL", "the disk of the database is full")
            assert await store.read(source_numbers) == [*acknowledged, 299]
            assert store.refusal.error is not None
            disk.free()
            await store.write(insert_source(200, MEBIBYTE))
            await until(lambda: store.refusal.error is None)
            assert await store.read(source_numbers) == [*acknowledged, 200, 299]
        assert [record.message for record in caplog.records] == [
            "writes are refused, reads continue: the disk of the database is full",
            "writes work again",
        ]
        disk.fill()
        with pytest.raises(StartupError, match="the disk of the database is full"):
            async with open_store(disk.folder / "tables.db", "FULL", 100):
                pass
        disk.free()
        async with open_store(disk.folder / "tables.db", "FULL", 100) as store:
            assert await store.read(source_numbers) == [*acknowledged, 200, 299]


async def test_a_disk_that_became_read_only_is_named(tmp_path: Path) -> None:
    with required_disk(tmp_path / "disk", 24) as disk:
        path = disk.folder / "tables.db"
        async with open_store(path, "FULL", 100) as store:
            await store.write(insert_source(1))
        disk.remount("ro")
        with pytest.raises(StartupError, match="Read-only"):
            async with open_store(path, "FULL", 100):
                pass
        disk.remount("rw")
        async with open_store(path, "FULL", 100) as store:
            assert await store.read(source_numbers) == [1]


@pytest.mark.parametrize(
    ("number", "reason", "expected"),
    [
        (28, "STORAGE_FULL", "disk of the database is full"),
        (122, "STORAGE_FULL", "quota"),
        (30, "STORAGE_READ_ONLY", "read-only"),
        (13, "STORAGE_READ_ONLY", "permission denied"),
        (5, "STORAGE_FAILED", "input/output error"),
        (2, "DATABASE_GONE", "gone"),
        (71, "STORAGE_FAILED", "Protocol"),
    ],
)
def test_each_error_of_the_system_has_a_reason(number: int, reason: str, expected: str) -> None:
    found_reason, summary = faults.system_problem(OSError(number, "Protocol error"))
    assert found_reason == reason
    assert expected in summary


def test_a_disk_is_tested_once_a_second_and_only_for_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    path = tmp_path / "folder" / "tables.db"
    problems = [faults.engine_fault(error, tested_path) for tested_path in (path, None)]
    assert [problem.reason for problem in problems if problem] == ["DATABASE_GONE", "STORAGE_FAILED"]
    path.parent.mkdir()
    again = faults.engine_fault(error, path)
    monkeypatch.setattr(faults, "_TEST_INTERVAL_SECONDS", 0)
    later = faults.engine_fault(error, path)
    assert [problem.reason for problem in (again, later) if problem] == ["DATABASE_GONE", "STORAGE_FAILED"]


async def test_an_input_output_error_refuses_writes_and_allows_reads(limited: SqliteStore) -> None:
    await limited.write(insert_source(1))
    real = limited._writer._execute  # noqa: SLF001 - disks that fail on demand are rare

    def fail_commits(statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if statement == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error
        return real(statement, parameters)

    limited._writer._execute = fail_commits  # noqa: SLF001
    with pytest.raises(Unavailable) as caught:
        await limited.write(insert_source(2))
    assert caught.value.reason == "STORAGE_FAILED"
    assert await limited.read(source_numbers) == [1]
    limited._writer._execute = real  # noqa: SLF001
    await until(lambda: limited.refusal.error is None)


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_a_file_removed_from_a_running_store_refuses_writes(limited: SqliteStore, suffix: str) -> None:
    await limited.write(insert_source(1))
    file = limited.path.with_name(limited.path.name + suffix)
    moved = file.rename(file.with_name("away"))
    await until(lambda: limited.refusal.error is not None)
    with pytest.raises(Unavailable) as caught:
        await limited.write(insert_source(2))
    assert caught.value.reason == "DATABASE_GONE"
    assert "removed or replaced" in (await SqliteAdministration(limited).damage()).found[0]
    moved.rename(file)
    await until(lambda: limited.refusal.error is None)
    await limited.write(insert_source(2))
    assert await limited.read(source_numbers) == [1, 2]


async def test_damaged_pages_and_texts_are_not_served(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with open_store(path, "FULL", 100) as store:
        for number in range(200):
            await store.write(insert_source(number, 2000))
    content = bytearray(path.read_bytes())
    for offset in range(8192 * 45, len(content), 8192):
        content[offset : offset + 200] = bytes(byte ^ 0x55 for byte in content[offset : offset + 200])
    path.write_bytes(content)
    async with open_store(path, "FULL", 100) as store:
        with pytest.raises(DataDamaged) as caught:
            await store.read(source_numbers)
        assert caught.value.reason == "DATA_DAMAGED"
        assert (await SqliteAdministration(store).damage()).found
    with closing(sqlite3.connect(tmp_path / "texts.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t AS SELECT CAST(x'ff' AS TEXT)")
        with pytest.raises(sqlite3.OperationalError) as raised:
            connection.execute("SELECT * FROM t").fetchall()
    assert isinstance(faults.engine_fault(raised.value, path), DataDamaged)


async def test_a_store_that_was_killed_is_checked_for_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "tables.db"
    async with open_store(path, "FULL", 100):
        pass
    marker = path.with_name("tables.db-marker")
    marker.write_text(marker.read_text().replace("stopped yes", "stopped no"))
    async with open_store(path, "FULL", 100):
        await until(
            lambda: any(record.message == "checked the database for damage" for record in caplog.records)
        )
