"""A small disk that can be filled and freed: a file system in memory, where this user may mount one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

_PIECES: Final = (1024 * 1024, 4096, 1)


@dataclass
class Disk:
    """The folder of a disk. It is small unless `reason` says why no file system could be mounted."""

    folder: Path
    reason: str = ""

    @property
    def small(self) -> bool:
        """True if the disk is a file system of its own, so that it can be filled."""
        return not self.reason

    def fill(self) -> None:
        """Use all free space, to the last byte."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in _PIECES:
                try:
                    while True:
                        ballast.write(bytes(size))
                except OSError:
                    continue

    def free(self) -> None:
        """Free the space that `fill` used."""
        self._ballast.unlink(missing_ok=True)

    def remount(self, option: str) -> None:
        """Change an option of the file system: ro, rw, size=…"""
        assert not _error_of("mount", "-o", f"remount,{option}", str(self.folder))

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Disk]:
    """A disk of that size, or the plain folder where this user may not mount a file system."""
    folder.mkdir(parents=True, exist_ok=True)
    reason = _error_of("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))
    try:
        yield Disk(folder, reason)
    finally:
        if not reason:
            _error_of("umount", "--lazy", str(folder))


@contextmanager
def required_disk(folder: Path, mebibytes: int) -> Iterator[Disk]:
    """A disk of that size; skips the test where this user may not mount one."""
    with small_disk(folder, mebibytes) as disk:
        if disk.reason:
            pytest.skip(f"cannot mount a file system: {disk.reason}")
        yield disk


def _error_of(*command: str) -> str:
    """The error of a command; empty when it succeeds."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"
