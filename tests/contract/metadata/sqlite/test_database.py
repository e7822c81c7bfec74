"""The start with a database file: its marker and log, lost or damaged files, and a second process."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from services.metadata.adapters.sqlite.file import survey
from services.metadata.adapters.sqlite.file.database import Database
from services.metadata.adapters.sqlite.file.marker import marker_path, read_marker
from services.metadata.adapters.sqlite.file.survey import log_path, read_identity
from services.metadata.adapters.sqlite.store import open_store
from services.shared.errors import StartupError
from tests.contract.metadata.sqlite.test_store import insert_source, source_numbers

# Opens a store, commits a number of sources, prints a line, and waits to be killed.
CRASHING = """
import asyncio, sys
from pathlib import Path
from services.metadata.adapters.sqlite.store import open_store
from tests.contract.metadata.sqlite.test_store import insert_source

async def main():
    async with open_store(Path(sys.argv[1]), sys.argv[3], 100) as store:
        for number in range(int(sys.argv[2])):
            await store.write(insert_source(number))
        print("stored", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the database."""
    return tmp_path / "tables.db"


def running_process(path: Path, writes: int, synchronous: str = "FULL") -> subprocess.Popen[str]:
    """A process that holds the store open, after it has committed `writes` sources."""
    process = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(path), str(writes), synchronous],
        cwd=Path(__file__).parents[4],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "stored\n"
    return process


@cache
def _files_after_kill(synchronous: str) -> dict[str, bytes]:
    """The files of a store whose process was killed after three commits."""
    with TemporaryDirectory() as folder:
        with running_process(Path(folder, "tables.db"), 3, synchronous) as process:
            process.send_signal(signal.SIGKILL)
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def write_crashed_store(path: Path, synchronous: str = "FULL") -> None:
    """Write the files of a store whose process was killed after three commits."""
    for name, content in _files_after_kill(synchronous).items():
        path.with_name(name).write_bytes(content)


def startup_error(path: Path) -> str:
    """The line with which the start is refused. The files must stay unchanged."""
    before = contents(path)
    with pytest.raises(StartupError) as caught:
        Database(path, "NORMAL")
    assert contents(path) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def contents(path: Path) -> dict[str, bytes]:
    """The content of the files with data. An empty log counts as a missing one."""
    files = (path, log_path(path), marker_path(path))
    return {file.name: file.read_bytes() for file in files if file.is_file() and file.stat().st_size}


def test_a_new_database_has_an_identity_and_a_marker(path: Path) -> None:
    Database(path, "FULL").close()
    identity, marker = read_identity(path), read_marker(marker_path(path))
    assert identity is not None
    assert marker is not None
    assert (marker.store, marker.commits, marker.stopped) == (*identity, True)


async def test_commits_are_counted_in_the_database_and_in_the_marker(path: Path) -> None:
    for number in (1, 2):
        async with open_store(path, "NORMAL", 10) as store:
            await store.write(insert_source(number))
            await store.write(lambda _: None)
            marker = read_marker(marker_path(path))
            assert marker is not None
            assert (marker.commits, marker.stopped) == (number, False), (
                "a commit without changes is not counted"
            )
    identity = read_identity(path)
    assert identity is not None
    assert identity.commits == 2


async def test_a_database_without_a_marker_gets_one(path: Path) -> None:
    async with open_store(path, "NORMAL", 10) as store:
        await store.write(insert_source(1))
    marker_path(path).unlink()
    async with open_store(path, "NORMAL", 10) as store:
        assert await store.read(source_numbers) == [1]
    assert read_marker(marker_path(path)) is not None


async def test_a_database_of_a_version_without_markers_is_opened(path: Path) -> None:
    async with open_store(path, "NORMAL", 10) as store:
        await store.write(insert_source(1))
    marker_path(path).unlink()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DROP TABLE store")
    async with open_store(path, "NORMAL", 10) as store:
        assert await store.read(source_numbers) == [1]
        await store.write(insert_source(2))


async def test_a_store_has_all_commits_after_a_kill(path: Path) -> None:
    write_crashed_store(path)
    async with open_store(path, "FULL", 10) as store:
        assert store.database.interrupted
        assert await store.read(source_numbers) == [0, 1, 2]


async def test_a_log_that_another_program_checkpointed_is_not_missing(path: Path) -> None:
    write_crashed_store(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT count(*) FROM sources").fetchone()
    assert not log_path(path).exists()
    async with open_store(path, "FULL", 10) as store:
        assert await store.read(source_numbers) == [0, 1, 2]


@pytest.mark.parametrize("loss", ["removed", "emptied", "cut"])
def test_a_lost_log_is_a_startup_error(path: Path, loss: str) -> None:
    write_crashed_store(path)
    log = log_path(path)
    if loss == "removed":
        log.unlink()
    else:
        os.truncate(log, 0 if loss == "emptied" else 10_000)
    message = startup_error(path)
    assert "commits" in message
    assert str(marker_path(path)) in message
    marker_path(path).unlink()
    Database(path, "FULL").close()


async def test_an_older_copy_is_a_startup_error(path: Path, tmp_path: Path) -> None:
    for number in range(3):
        shutil.copy(path, tmp_path / "copy") if number else None
        async with open_store(path, "NORMAL", 10) as store:
            await store.write(insert_source(number))
    shutil.copy(tmp_path / "copy", path)
    assert "lacks its last 1 commits: it is an older copy" in startup_error(path)


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("loss", ["missing", "empty"])
@pytest.mark.parametrize("marker", [True, False])
def test_a_lost_database_is_not_replaced_by_an_empty_one(
    path: Path, loss: str, log: bool, marker: bool
) -> None:
    write_crashed_store(path)
    if loss == "missing":
        path.unlink()
    else:
        os.truncate(path, 0)
    if not log:
        log_path(path).unlink()
    if not marker:
        marker_path(path).unlink()
    if log or marker:
        message = startup_error(path)
        assert f"{path} is {loss}" in message
        assert "restore" in message
        assert path.exists() == (loss == "empty")
    else:
        Database(path, "FULL").close()


def test_another_database_in_its_place_is_a_startup_error(path: Path, tmp_path: Path) -> None:
    Database(path, "FULL").close()
    Database(tmp_path / "other.db", "FULL").close()
    shutil.copy(tmp_path / "other.db", path)
    assert "is not the one" in startup_error(path)
    marker_path(path).unlink()
    Database(path, "FULL").close()


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"store x\ncommits many\n", b"store x\n", b"\xff\xfe"])
def test_a_damaged_marker_is_written_again_if_the_database_exists(path: Path, damage: bytes) -> None:
    Database(path, "FULL").close()
    identity = read_identity(path)
    marker_path(path).write_bytes(damage)
    Database(path, "FULL").close()
    marker = read_marker(marker_path(path))
    assert identity is not None
    assert marker is not None
    assert marker.store == identity.store
    marker_path(path).write_bytes(damage)
    path.unlink()
    assert "cannot read" in startup_error(path)


def test_commits_without_a_flush_may_be_lost_in_a_power_cut(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_crashed_store(path, synchronous="NORMAL")
    log_path(path).unlink()
    assert "commits" in startup_error(path)
    # The machine seems to have started again, as after a power cut.
    monkeypatch.setattr(survey, "boot_id", lambda: "another start of the machine")
    Database(path, "NORMAL").close()


@pytest.mark.parametrize("name", ["relative", "symbolic", "hard"])
def test_a_second_process_is_refused_by_any_name_of_the_file(path: Path, tmp_path: Path, name: str) -> None:
    other = {
        "relative": Path(os.path.relpath(path, Path(__file__).parents[4])),
        "symbolic": tmp_path / "link" / "tables.db",
        "hard": tmp_path / "hard" / "other.db",
    }[name]
    with running_process(path, 1) as first:
        if name == "symbolic":
            (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
        if name == "hard":
            other.parent.mkdir()
            os.link(path, other)
        second = subprocess.run(
            [sys.executable, "-m", "services.metadata"],
            env={**os.environ, "TAMS_STORE_URL": f"sqlite:///{other}", "TAMS_METADATA_PORT": "0"},
            cwd=Path(__file__).parents[4],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        (line,) = second.stderr.splitlines()
        assert line.endswith("is in use by another metadata service")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
            assert reader.execute("SELECT count(*) FROM sources").fetchone() == (1,), (
                "readers are not blocked"
            )
            with closing(sqlite3.connect(tmp_path / "backup.db")) as backup:
                reader.backup(backup)
        first.kill()
    Database(path, "FULL").close()


def test_only_the_owner_may_read_the_files(path: Path) -> None:
    (path.parent / "new").mkdir(mode=0o755)
    path = path.parent / "new" / "below" / "tables.db"
    before = os.umask(0o022)
    try:
        database = Database(path, "FULL")
    finally:
        os.umask(before)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    database.close()
    assert set(modes.values()) == {0o600}, modes
    assert len(modes) == 4
    assert path.parent.stat().st_mode & 0o777 == 0o700
