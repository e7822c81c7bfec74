"""A local store whose files are missing, damaged or readable by other users."""

import fcntl
import os
import shutil
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.processes.system import System, poll
from tests.support.services.gateway import a_flow

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a killed store with flows and objects. Other users could read it at first."""
    data_dir = tmp_path_factory.mktemp("lost") / "data"
    data_dir.mkdir(mode=0o755)
    (data_dir / "ports.json").write_text("{}")
    (data_dir / "ports.json").chmod(0o644)
    system = System(data_dir)
    try:
        system.start().ready()
        flow = a_flow()
        httpx.put(f"{system.url}/flows/{flow['id']}", json=flow).raise_for_status()
        second_store_is_refused(system)
        system.signal(signal.SIGKILL)
        system.wait()
        poll(lambda: not _in_use(data_dir), 60)
        yield data_dir
    finally:
        system.abandon()


def second_store_is_refused(first: System) -> None:
    """Check that a store in another data directory cannot use the same database."""
    url = f"sqlite:///{first.data_dir / 'tams.db'}"
    second = System(first.data_dir.parent / "second", {"TAMS_STORE_URL": url})
    try:
        assert second.start().wait() == 1
        (line,) = _last_lines(second)
        assert "is in use by another metadata service" in line
    finally:
        second.abandon()
    assert httpx.get(f"{first.url}/flows").status_code == 200


def test_only_the_owner_may_read_the_files(killed: Path) -> None:
    modes = {path: path.lstat().st_mode for path in (killed, *killed.rglob("*"))}
    folders = {stat.S_IMODE(mode) & 0o077 for mode in modes.values() if stat.S_ISDIR(mode)}
    files = {stat.S_IMODE(mode) & 0o077 for mode in modes.values() if stat.S_ISREG(mode)}
    assert (folders, files) == ({0}, {0})


def removes(name: str) -> Callable[[Path], None]:
    """A function that removes a file or folder of a data directory."""

    def lose(data_dir: Path) -> None:
        path = data_dir / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return lose


def makes_newer(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "tams.db")) as other:
        other.execute("PRAGMA user_version = 1000")
        other.commit()


@pytest.mark.parametrize(
    ("lose", "words"),
    [
        (removes("tams.db"), "tams.db is missing"),
        (lambda data_dir: os.truncate(data_dir / "tams.db", 0), "tams.db is empty"),
        (removes("tams.db-wal"), "commits: its log"),
        (makes_newer, "newer than this program"),
        (removes("objects"), "the objects of this store are missing"),
        (removes("objects/filerldb2"), "the objects of this store are missing"),
    ],
    ids=["missing", "empty", "log", "newer", "objects", "names"],
)
def test_a_store_with_lost_data_does_not_start_and_names_the_loss_in_one_line(
    killed: Path, tmp_path: Path, lose: Callable[[Path], object], words: str
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(killed, data_dir, ignore=shutil.ignore_patterns("*.sock"))
    lose(data_dir)
    system = System(data_dir)
    try:
        assert system.start().wait() == 1
        (line,) = _last_lines(system)
        assert words in line
        assert "Traceback" not in system.errors()
    finally:
        system.abandon()


def _last_lines(system: System) -> list[str]:
    """The last lines on the terminal after a failed start."""
    return [line for line in system.errors().splitlines() if not line.startswith("stopped")]


def _in_use(data_dir: Path) -> bool:
    """Whether a process holds the lock of the data directory."""
    with (data_dir / "lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
