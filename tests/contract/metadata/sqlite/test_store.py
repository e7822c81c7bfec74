"""The SQLite store: its file, its single writer, and its recovery from failures."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from services.metadata.adapters.sqlite.file import connection as connections
from services.metadata.adapters.sqlite.file.connection import open_writer
from services.metadata.adapters.sqlite.file.database import Database
from services.metadata.adapters.sqlite.file.evolution import SCHEMA_VERSION
from services.metadata.adapters.sqlite.store import SqliteStore, open_store
from services.metadata.application.ports import Slow, Tables
from services.shared.errors import Exhausted, StartupError, Unavailable
from services.shared.store_url import Synchronous
from tests.support.metadata.flows import source_id

FORMAT = "urn:x-nmos:format:video"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the database."""
    return tmp_path / "tables.db"


def insert_source(number: int, size: int = 2) -> Callable[[Tables], None]:
    """A change that inserts a source with a document of `size` bytes."""
    return lambda tables: tables.sources.insert(source_id(number), FORMAT, b" " * size)


def source_numbers(tables: Tables) -> list[int]:
    """The numbers of the stored sources."""
    return [number for number in range(300) if tables.sources.get(source_id(number)) is not None]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock as another process."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for locks."""
    pragmas = connections._PRAGMAS  # noqa: SLF001 - the wait is no setting; a test cannot spend it
    monkeypatch.setattr(connections, "_PRAGMAS", (*pragmas, "PRAGMA busy_timeout = 1"))


@pytest.mark.usefixtures("without_waiting")
async def test_writes_are_unavailable_while_another_process_holds_the_lock(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        await store.write(insert_source(1))
        with locked(path):
            writes = [store.write(insert_source(number)) for number in range(2, 12)]
            outcomes = await asyncio.gather(*writes, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [Unavailable] * 10
            assert {outcome.reason for outcome in outcomes if isinstance(outcome, Unavailable)} == {
                "STORE_UNAVAILABLE"
            }
            assert await store.read(source_numbers) == [1]
        await store.write(insert_source(2))
        assert await store.read(source_numbers) == [1, 2]


async def test_a_change_that_does_not_fit_on_the_disk_fails_and_later_ones_succeed(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        await store.write(insert_source(1))
        set_page_limit(store, 80)
        changes = [insert_source(2), insert_source(3, size=4_000_000), insert_source(4)]
        outcomes = await asyncio.gather(*map(store.write, changes), return_exceptions=True)
        assert isinstance(outcomes[1], Unavailable)
        assert "full" in outcomes[1].summary
        committed = [number for number, outcome in zip((2, 3, 4), outcomes, strict=True) if outcome is None]
        assert await store.read(source_numbers) == [1, *committed]
        set_page_limit(store, 1_000_000)
        await store.write(insert_source(3, size=4_000_000))
        await store.write(insert_source(200))
        assert {1, 3, 200} <= set(await store.read(source_numbers))


def set_page_limit(store: SqliteStore, pages: int) -> None:
    writing = store._writer._connection  # noqa: SLF001 - the size of a disk is no setting
    writing.execute(f"PRAGMA max_page_count = {pages}")


async def test_a_failing_commit_fails_its_group_and_no_other(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        real = store._writer._execute  # noqa: SLF001 - disks that fail on demand are rare

        def fail_commits(statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if statement == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return real(statement, parameters)

        store._writer._execute = fail_commits  # noqa: SLF001
        with pytest.raises(Unavailable):
            await store.write(insert_source(1))
        store._writer._execute = real  # noqa: SLF001
        await store.write(insert_source(2))
        assert await store.read(source_numbers) == [2]


async def test_a_transaction_that_the_engine_rolled_back_fails_its_group(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        writing = store._writer._connection  # noqa: SLF001 - as SQLite does by itself when memory runs out

        def roll_back(tables: Tables) -> None:
            insert_source(2)(tables)
            writing.execute("ROLLBACK")
            raise MemoryError

        changes = [insert_source(1), roll_back, insert_source(3)]
        outcomes = await asyncio.gather(*map(store.write, changes), return_exceptions=True)
        assert isinstance(outcomes[1], Unavailable | MemoryError)
        committed = [number for number, outcome in zip((1, 2, 3), outcomes, strict=True) if outcome is None]
        assert await store.read(source_numbers) == committed
        await store.write(insert_source(4))


async def test_too_many_waiting_writes_are_refused(path: Path) -> None:
    async with open_store(path, "NORMAL", 5) as store:
        started, may_finish = threading.Event(), threading.Event()

        def wait_in_store(_: Tables) -> None:
            started.set()
            may_finish.wait(30)

        first = asyncio.ensure_future(store.write(wait_in_store))
        assert await asyncio.to_thread(started.wait, 30)
        waiting = [asyncio.ensure_future(store.write(insert_source(number))) for number in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Exhausted) as caught:
            await store.write(insert_source(100))
        assert caught.value.reason == "WRITES_WAITING"
        may_finish.set()
        await asyncio.gather(first, *waiting)
        await store.write(insert_source(100))
        assert await store.read(source_numbers) == [0, 1, 2, 3, 4, 100]


async def test_a_waiting_write_that_is_cancelled_is_not_made(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        started, may_finish = threading.Event(), threading.Event()

        def wait_in_store(_: Tables) -> None:
            started.set()
            may_finish.wait(30)

        first = asyncio.ensure_future(store.write(wait_in_store))
        assert await asyncio.to_thread(started.wait, 30)
        cancelled = asyncio.ensure_future(store.write(insert_source(1)))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        may_finish.set()
        await first
        assert await store.read(source_numbers) == []


async def test_closing_the_store_finishes_all_waiting_writes(path: Path) -> None:
    async with open_store(path, "NORMAL", 3) as store:
        started, may_finish = threading.Event(), threading.Event()

        def wait_in_store(_: Tables) -> None:
            started.set()
            may_finish.wait(30)

        writes = [asyncio.ensure_future(store.write(wait_in_store))]
        assert await asyncio.to_thread(started.wait, 30)
        writes += [asyncio.ensure_future(store.write(insert_source(number))) for number in range(3)]
        await asyncio.sleep(0)
        closing_down = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await store.write(insert_source(9))
        may_finish.set()
        await closing_down
        await asyncio.gather(*writes)
    async with open_store(path, "NORMAL", 3) as store:
        assert await store.read(source_numbers) == [0, 1, 2]


async def test_too_many_waiting_scans_are_refused(path: Path) -> None:
    async with open_store(path, "NORMAL", 3) as store:
        may_finish = threading.Event()
        scans = [asyncio.ensure_future(store.scan(lambda _: may_finish.wait(30))) for _ in range(256)]
        await asyncio.sleep(0)
        with pytest.raises(Exhausted):
            await store.scan(source_numbers)
        assert await store.read(source_numbers) == [], "short queries do not wait for long ones"
        may_finish.set()
        await asyncio.gather(*scans)
        assert await store.scan(source_numbers) == []


async def test_a_long_query_does_not_block_the_event_loop(path: Path) -> None:
    async with open_store(path, "NORMAL", 3) as store:
        may_finish = threading.Event()
        scan = asyncio.ensure_future(store.scan(lambda _: may_finish.wait(30)))
        await store.write(insert_source(1))
        assert not scan.done()
        may_finish.set()
        assert await scan


@pytest.mark.parametrize("name", ["plain.db", "with space.db", "a?mode=ro#%41.db", "\u00e9.db", "a/b/c.db"])
async def test_a_path_may_have_any_characters(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for number in (1, 2):
        async with open_store(path, "NORMAL", 3) as store:
            await store.write(insert_source(number))
    assert path.is_file()
    async with open_store(path, "NORMAL", 3) as store:
        assert await store.read(source_numbers) == [1, 2]


def startup_error(path: Path) -> str:
    with pytest.raises(StartupError) as caught:
        Database(path, "NORMAL")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_database_of_a_newer_version_is_refused_unchanged(path: Path) -> None:
    open_writer(path, "NORMAL").close()
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        other.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    assert "newer than this program" in startup_error(path)
    assert path.read_bytes() == before


def test_a_file_that_is_not_a_database_is_a_startup_error(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("not a database, whatever the name says " * 100)
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (text, folder, text / "below.db"):
        assert str(path) in startup_error(path)
    assert text.read_text().startswith("not a database")


def test_a_database_of_another_program_is_a_startup_error(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE flows (something INTEGER)")
    assert str(path) in startup_error(path)


def test_a_folder_that_cannot_be_created_is_a_startup_error(tmp_path: Path) -> None:
    assert "/proc" in startup_error(Path("/proc/no/tables.db"))


def test_the_durability_is_that_of_the_setting(path: Path) -> None:
    levels: list[tuple[Synchronous, int]] = [("FULL", 2), ("NORMAL", 1)]
    for synchronous, expected in levels:
        with closing(open_writer(path, synchronous)) as opened:
            (level,) = opened.execute("PRAGMA synchronous").fetchone()
            (mode,) = opened.execute("PRAGMA journal_mode").fetchone()
        assert (level, mode) == (expected, "wal")


async def test_quick_changes_run_between_slow_ones(path: Path) -> None:
    ran: list[str] = []
    begun, may_continue = threading.Event(), threading.Event()

    def first(_: Tables) -> None:
        begun.set()
        may_continue.wait(10)

    def run(name: str, _: Tables) -> None:
        ran.append(name)

    async with open_store(path, "NORMAL", 100) as store:
        waiting = [asyncio.ensure_future(store.write(first))]
        await asyncio.to_thread(begun.wait, 10)
        slow = [Slow(partial(run, f"slow {number}")) for number in range(3)]
        quick = [partial(run, f"quick {number}") for number in range(2)]
        waiting += [asyncio.ensure_future(store.write(change)) for change in slow]
        waiting += [asyncio.ensure_future(store.write(change)) for change in quick]
        await asyncio.sleep(0)
        may_continue.set()
        await asyncio.gather(*waiting)
    assert [name for name in ran if name.startswith("slow")] == ["slow 0", "slow 1", "slow 2"]
    assert max(ran.index("quick 0"), ran.index("quick 1")) <= 2, (
        "at most one slow change runs before the quick ones"
    )


async def test_waiting_slow_changes_are_counted_and_finished_when_the_store_closes(path: Path) -> None:
    begun, may_continue = threading.Event(), threading.Event()

    def first(_: Tables) -> None:
        begun.set()
        may_continue.wait(10)

    async with open_store(path, "NORMAL", 3) as store:
        waiting = [asyncio.ensure_future(store.write(Slow(first)))]
        await asyncio.to_thread(begun.wait, 10)
        waiting += [asyncio.ensure_future(store.write(Slow(insert_source(number)))) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(Exhausted):
            await store.write(insert_source(4))
        closing_store = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        may_continue.set()
        await asyncio.gather(*waiting)
        await closing_store
    async with open_store(path, "NORMAL", 3) as store:
        assert await store.read(source_numbers) == [1, 2, 3]
