"""The data directory of a local store, and the lock that allows only one runner."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from client.local.errors import CannotRun
from client.local.permissions import tighten

# The time for the children of a killed runner to end.
_CHILDREN_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class DataDir:
    """The folders below `root`, and the open lock file, which children inherit and hold until they end."""

    root: Path
    lock: int

    @property
    def objects(self) -> Path:
        """The files of object storage."""
        return self.root / "objects"

    @property
    def logs(self) -> Path:
        """The output of each child."""
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        """The credentials, readable for the owner only."""
        return self.root / "secrets"

    @property
    def ports(self) -> Path:
        """The ports of the last run."""
        return self.root / "ports.json"

    @property
    def runtime_settings(self) -> Path:
        """The settings that change while the store runs, which users write."""
        return self.root / "runtime.env"

    @property
    def stored_objects(self) -> Path:
        """The parts of object storage at the last run."""
        return self.root / "objects.json"

    @property
    def storage_config(self) -> Path:
        """The storage configuration of the media service."""
        return self.root / "storage.json"


@contextmanager
def opened(root: Path, database: str = "tams.db") -> Iterator[DataDir]:
    """Create the folder if it is missing, lock it, and close it to other users.

    CannotRun if it cannot be used or is in use. `database` is the name of the file with the tables.
    """
    with usable(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with usable(root):
            _lock(lock, root)
            data_dir = DataDir(root, lock)
            for folder in (data_dir.objects, data_dir.logs, data_dir.secrets):
                folder.mkdir(mode=0o700, exist_ok=True)
            tighten(root, database)
        yield data_dir
    finally:
        os.close(lock)


@contextmanager
def usable(root: Path) -> Iterator[None]:
    """Turn errors of the operating system into CannotRun."""
    try:
        yield
    except OSError as error:
        raise CannotRun(f"cannot use data directory {root}: {error.strerror}") from error


def _lock(lock: int, root: Path) -> None:
    deadline = time.monotonic() + _CHILDREN_SECONDS
    while not _try_lock(lock):
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        if _is_running(holder) or time.monotonic() > deadline:
            raise CannotRun(f"data directory {root} is in use by another `tams up` (process {holder or '?'})")
        time.sleep(_POLL_SECONDS)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
