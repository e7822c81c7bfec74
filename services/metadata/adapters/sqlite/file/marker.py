"""The marker: a small file beside the database, to detect lost data.

It has the id of the store and the number of commits, like the database itself. If the database is missing,
has another id or fewer commits, data were lost, and the service must not start as if nothing had happened.
"""

import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
# The count has a fixed length, because it is overwritten in place.
_DIGITS: Final = 20
_SUFFIX: Final = "-marker"


class Marker(NamedTuple):
    """The contents of the file. `store` is the id of the store; empty if the file could not be read."""

    store: str
    commits: int = 0
    created: str = ""
    # True if the service stopped in order.
    stopped: bool = True
    # The id of the machine's boot in which the commits were counted; True if each was flushed to the disk.
    boot: str = ""
    flushed: bool = True


def marker_path(database: Path) -> Path:
    """The path of the marker."""
    return database.with_name(database.name + _SUFFIX)


def read_marker(path: Path) -> Marker | None:
    """The marker; None if there is no file. ValueError if the file is not a marker, OSError if unreadable."""
    try:
        lines = path.read_text("ascii").splitlines()
    except FileNotFoundError:
        return None
    members = dict(line.split(" ", 1) for line in lines if " " in line)
    if not members.get("store"):
        raise ValueError(f"{path} has no id of a store")
    if not members.get("commits", "").isdecimal():
        raise ValueError(f"{path} has no number of commits")
    return Marker(
        members["store"],
        int(members["commits"]),
        members.get("created", ""),
        stopped=members.get("stopped") == "yes",
        boot=members.get("boot", ""),
        flushed=members.get("flushed") == "yes",
    )


def new_marker(store: str, commits: int, *, flushed: bool) -> Marker:
    """A marker that is created now."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Marker(store, commits, created, boot=boot_id(), flushed=flushed)


def boot_id() -> str:
    """The id of this boot of the machine; empty if unknown."""
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return ""


class MarkerFile:
    """The marker of an open database."""

    def __init__(self, path: Path, marker: Marker) -> None:
        self._path = path
        self._marker = marker
        self._file = -1
        self._count_offset = 0

    def open(self) -> None:
        """Note that the service runs. OSError if that fails; then the file stays as it was."""
        self._write(self._marker._replace(stopped=False))
        self._file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)

    def count(self, commits: int) -> None:
        """Note the number of commits. It is not flushed, because it need only survive the process."""
        self._marker = self._marker._replace(commits=commits)
        if self._file >= 0:
            with suppress(OSError):
                os.pwrite(self._file, _digits(commits), self._count_offset)

    def close(self, *, stopped: bool) -> None:
        """Close the file. With `stopped`, note that the service stopped in order."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if stopped:
                with suppress(OSError):
                    self._write(self._marker._replace(stopped=True))

    def _write(self, marker: Marker) -> None:
        text = _text(marker)
        self._count_offset = len(text) - _DIGITS - 1
        # Only the owner may read and write such a file.
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _text(marker: Marker) -> bytes:
    lines = (
        f"store {marker.store}",
        f"created {marker.created}",
        f"stopped {_yes_or_no(marker.stopped)}",
        f"boot {marker.boot}",
        f"flushed {_yes_or_no(marker.flushed)}",
    )
    return "\n".join((*lines, "commits ")).encode("ascii") + _digits(marker.commits) + b"\n"


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _digits(commits: int) -> bytes:
    return b"%0*d" % (_DIGITS, commits)
