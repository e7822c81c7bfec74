"""The config folder of the user, with files that only the user can read."""

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from client.api import LoginFailed

T = TypeVar("T")

MAX_BYTES: Final = 1024 * 1024
# The holder of a lock waits for one server, which has less time than this.
_LOCK_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 0.05
# Where Debian places users without a home.
_NO_HOME: Final = Path("/nonexistent")


@dataclass(frozen=True)
class ConfigFolder:
    """The folder `root`. It is created with mode 0700 when something is written; its files have 0600."""

    root: Path

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "ConfigFolder":
        """The folder `tams` in XDG_CONFIG_HOME, or in ~/.config if that is not an absolute path."""
        parent = Path(env.get("XDG_CONFIG_HOME", ""))
        return cls((parent if parent.is_absolute() else _home() / ".config") / "tams")

    def read(self, name: str, value_type: type[T]) -> T | None:
        """The value in a file of JSON; None if there is no file. LoginFailed if it cannot be used."""
        path = self.root / name
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LoginFailed(f"cannot read {path}: {error.strerror}") from None
        if len(content) > MAX_BYTES:
            raise LoginFailed(f"{path} is damaged: it has more than {MAX_BYTES} bytes; remove it")
        try:
            return msgspec.json.decode(content, type=value_type)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LoginFailed(f"{path} is damaged: {error}; repair or remove it") from None

    def write(self, name: str, value: object) -> None:
        """Replace a file by the value as JSON, at once. LoginFailed if it cannot be written."""
        with self._writing():
            descriptor, fresh = tempfile.mkstemp(dir=self.root, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                Path(fresh).replace(self.root / name)
            except BaseException:
                Path(fresh).unlink(missing_ok=True)
                raise

    def remove(self, name: str) -> bool:
        """Remove a file; False if it does not exist. LoginFailed if it cannot be removed."""
        with self._writing():
            existed = (self.root / name).exists()
            (self.root / name).unlink(missing_ok=True)
        return existed

    @asynccontextmanager
    async def locked(self, name: str) -> AsyncIterator[None]:
        """Hold the lock with this name, after other holders here or in other processes. LoginFailed."""
        with self._writing():
            lock = os.open(self.root / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            await self._acquire(lock, name)
            yield
        finally:
            os.close(lock)

    async def _acquire(self, lock: int, name: str) -> None:
        try:
            async with asyncio.timeout(_LOCK_SECONDS):
                while not _try_lock(lock):  # noqa: ASYNC110 - nothing else shows that a lock is free
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise LoginFailed(f"another process holds {self.root / name}.lock; try again later") from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.root.stat().st_mode & 0o077:
                self.root.chmod(0o700)
            yield
        except OSError as error:
            raise LoginFailed(f"cannot write to {self.root}: {error.strerror}") from None


def _home() -> Path:
    with contextlib.suppress(RuntimeError):
        return Path.home()
    return _NO_HOME


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
