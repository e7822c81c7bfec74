"""What only the SQLite engine promises: its file, its one writer, and getting over failures."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from services.metadata.adapters.sqlite import connection as connections
from services.metadata.adapters.sqlite.connection import SCHEMA_VERSION, open_writer
from services.metadata.adapters.sqlite.store import open_store
from services.metadata.application.ports import Store, Tables
from services.shared.errors import Exhausted, StartupError, Unavailable
from tests.support.flows import source_id

FORMAT = "urn:x-nmos:format:video"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tables.db"


def inserts(number: int, size: int = 2):
    return lambda tables: tables.sources.insert(source_id(number), FORMAT, b" " * size)


def stored(tables: Tables) -> list[int]:
    return [number for number in range(300) if tables.sources.get(source_id(number)) is not None]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for locks."""
    patient = connections._PRAGMAS  # noqa: SLF001 - the wait is no setting; a test cannot spend it
    monkeypatch.setattr(connections, "_PRAGMAS", (*patient, "PRAGMA busy_timeout = 1"))


@pytest.mark.usefixtures("impatient")
async def test_a_lock_held_elsewhere_makes_writes_unavailable_until_it_goes(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        await store.write(inserts(1))
        with locked(path):
            writes = [store.write(inserts(number)) for number in range(2, 12)]
            outcomes = await asyncio.gather(*writes, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [Unavailable] * 10
            assert {outcome.reason for outcome in outcomes if isinstance(outcome, Unavailable)} == {
                "STORE_UNAVAILABLE"
            }
            assert await store.read(stored) == [1]
        await store.write(inserts(2))
        assert await store.read(stored) == [1, 2]


async def test_a_change_that_does_not_fit_on_the_disk_fails_and_others_go_on(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        await store.write(inserts(1))
        set_page_limit(store, 80)
        changes = [inserts(2), inserts(3, size=4_000_000), inserts(4)]
        outcomes = await asyncio.gather(*map(store.write, changes), return_exceptions=True)
        assert isinstance(outcomes[1], Unavailable)
        assert "full" in outcomes[1].summary
        kept = [number for number, outcome in zip((2, 3, 4), outcomes, strict=True) if outcome is None]
        assert await store.read(stored) == [1, *kept]
        set_page_limit(store, 1_000_000)
        await store.write(inserts(3, size=4_000_000))
        await store.write(inserts(200))
        assert {1, 3, 200} <= set(await store.read(stored))


def set_page_limit(store: Store, pages: int) -> None:
    writing = store._writer._connection  # noqa: SLF001 - the size of a disk is no setting
    writing.execute(f"PRAGMA max_page_count = {pages}")


async def test_a_failing_commit_fails_its_group_and_no_other(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        real = store._writer._execute  # noqa: SLF001 - disks that fail on demand are rare

        def failing(statement: str) -> object:
            if statement == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return real(statement)

        store._writer._execute = failing  # noqa: SLF001
        with pytest.raises(Unavailable):
            await store.write(inserts(1))
        store._writer._execute = real  # noqa: SLF001
        await store.write(inserts(2))
        assert await store.read(stored) == [2]


async def test_a_transaction_that_the_engine_gave_up_fails_its_group(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        writing = store._writer._connection  # noqa: SLF001 - as SQLite does by itself when memory runs out

        def gives_up(tables: Tables) -> None:
            inserts(2)(tables)
            writing.execute("ROLLBACK")
            raise MemoryError

        changes = [inserts(1), gives_up, inserts(3)]
        outcomes = await asyncio.gather(*map(store.write, changes), return_exceptions=True)
        assert isinstance(outcomes[1], Unavailable | MemoryError)
        lasting = [number for number, outcome in zip((1, 2, 3), outcomes, strict=True) if outcome is None]
        assert await store.read(stored) == lasting
        await store.write(inserts(4))


async def test_too_many_waiting_writes_are_refused(path: Path) -> None:
    async with open_store(path, "NORMAL", 5) as store:
        entered, leave = threading.Event(), threading.Event()

        def slow(_: Tables) -> None:
            entered.set()
            leave.wait(30)

        first = asyncio.ensure_future(store.write(slow))
        assert await asyncio.to_thread(entered.wait, 30)
        waiting = [asyncio.ensure_future(store.write(inserts(number))) for number in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Exhausted) as caught:
            await store.write(inserts(100))
        assert caught.value.reason == "WRITES_WAITING"
        leave.set()
        await asyncio.gather(first, *waiting)
        await store.write(inserts(100))
        assert await store.read(stored) == [0, 1, 2, 3, 4, 100]


async def test_a_cancelled_write_that_still_waits_is_not_done(path: Path) -> None:
    async with open_store(path, "NORMAL", 100) as store:
        entered, leave = threading.Event(), threading.Event()

        def slow(_: Tables) -> None:
            entered.set()
            leave.wait(30)

        first = asyncio.ensure_future(store.write(slow))
        assert await asyncio.to_thread(entered.wait, 30)
        leaving = asyncio.ensure_future(store.write(inserts(1)))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        leave.set()
        await first
        assert await store.read(stored) == []


async def test_closing_with_a_full_queue_finishes_all_of_it(path: Path) -> None:
    async with open_store(path, "NORMAL", 3) as store:
        entered, leave = threading.Event(), threading.Event()

        def slow(_: Tables) -> None:
            entered.set()
            leave.wait(30)

        writes = [asyncio.ensure_future(store.write(slow))]
        assert await asyncio.to_thread(entered.wait, 30)
        writes += [asyncio.ensure_future(store.write(inserts(number))) for number in range(3)]
        await asyncio.sleep(0)
        closing_down = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await store.write(inserts(9))
        leave.set()
        await closing_down
        await asyncio.gather(*writes)
    async with open_store(path, "NORMAL", 3) as store:
        assert await store.read(stored) == [0, 1, 2]


async def test_too_many_waiting_scans_are_refused(path: Path) -> None:
    async with open_store(path, "NORMAL", 3) as store:
        leave = threading.Event()
        scans = [asyncio.ensure_future(store.scan(lambda _: leave.wait(30))) for _ in range(256)]
        await asyncio.sleep(0)
        with pytest.raises(Exhausted):
            await store.scan(stored)
        assert await store.read(stored) == [], "short queries do not wait for long ones"
        leave.set()
        await asyncio.gather(*scans)
        assert await store.scan(stored) == []


async def test_long_queries_do_not_keep_the_loop(path: Path) -> None:
    async with open_store(path, "NORMAL", 3) as store:
        leave = threading.Event()
        scan = asyncio.ensure_future(store.scan(lambda _: leave.wait(30)))
        await store.write(inserts(1))
        assert not scan.done()
        leave.set()
        assert await scan


@pytest.mark.parametrize("name", ["plain.db", "with space.db", "a?mode=ro#%41.db", "\u00e9.db", "a/b/c.db"])
async def test_any_path_is_just_a_path(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for number in (1, 2):
        async with open_store(path, "NORMAL", 3) as store:
            await store.write(inserts(number))
    assert path.is_file()
    async with open_store(path, "NORMAL", 3) as store:
        assert await store.read(stored) == [1, 2]


def refusal(path: Path) -> str:
    with pytest.raises(StartupError) as caught:
        open_writer(path, "NORMAL")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    open_writer(path, "NORMAL").close()
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        other.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    assert "newer than this program" in refusal(path)
    assert path.read_bytes() == before


def test_files_that_are_no_database(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("not a database, whatever the name says " * 100)
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (text, folder, text / "below.db"):
        assert str(path) in refusal(path)
    assert text.read_text().startswith("not a database")


def test_a_database_of_something_else(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE flows (something INTEGER)")
    assert str(path) in refusal(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    assert "/proc" in refusal(Path("/proc/no/tables.db"))


def test_durability_is_as_told(path: Path) -> None:
    for told, expected in (("FULL", 2), ("NORMAL", 1)):
        with closing(open_writer(path, told)) as opened:
            (level,) = opened.execute("PRAGMA synchronous").fetchone()
            (mode,) = opened.execute("PRAGMA journal_mode").fetchone()
        assert (level, mode) == (expected, "wal")
