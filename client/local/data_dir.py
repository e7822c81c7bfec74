"""The folder that holds everything of one local store, and the lock that keeps it to one runner."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from client.local.errors import CannotRun

# How long the children of a runner that was killed may take to be gone.
_LEFTOVERS_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class DataDir:
    """The folders below `root`, and the open lock file, which children inherit so that it outlives none."""

    root: Path
    lock: int

    @property
    def objects(self) -> Path:
        """Where object storage keeps its files."""
        return self.root / "objects"

    @property
    def logs(self) -> Path:
        """Where each child's output goes."""
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        """Where credentials lie, for the owner's eyes only."""
        return self.root / "secrets"

    @property
    def ports(self) -> Path:
        """The ports of last time."""
        return self.root / "ports.json"

    @property
    def storage_config(self) -> Path:
        """The description of the storage backend that the media service reads."""
        return self.root / "storage.json"


@contextmanager
def opened(root: Path) -> Iterator[DataDir]:
    """The folder, made if need be and locked. CannotRun where it cannot be used or is in use."""
    with usable(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with usable(root):
            _take(lock, root)
            data_dir = DataDir(root, lock)
            for folder in (data_dir.objects, data_dir.logs, data_dir.secrets):
                folder.mkdir(mode=0o700, exist_ok=True)
        yield data_dir
    finally:
        os.close(lock)


@contextmanager
def usable(root: Path) -> Iterator[None]:
    """Turns what the system says against the folder into CannotRun."""
    try:
        yield
    except OSError as error:
        raise CannotRun(f"cannot use data directory {root}: {error.strerror}") from error


def _take(lock: int, root: Path) -> None:
    deadline = time.monotonic() + _LEFTOVERS_SECONDS
    while not _taken(lock):
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        if _alive(holder) or time.monotonic() > deadline:
            raise CannotRun(f"data directory {root} is in use by another `tams up` (process {holder or '?'})")
        time.sleep(_POLL_SECONDS)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
