"""The archive with what was gathered. Every text passes the scrubber on its way in."""

import io
import os
import tarfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from client.api import builtins
from client.support.scrubbing import Scrubber

_FOLDER: Final = "tams-support"
# Of all files together, before they are packed.
MAX_BYTES: Final = 64 * 1024 * 1024


class Bundle:
    """A new archive (tar, gzip) that only its owner may read; an error within its block removes it.

    FileExistsError if the file exists, OSError if it cannot be written.
    """

    def __init__(self, path: Path, scrubber: Scrubber) -> None:
        self._path = path
        self._scrubber = scrubber
        self._bytes = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._archive = tarfile.open(fileobj=self._file, mode="w:gz")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._archive.close()
        self._file.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)

    def add(self, name: str, content: object) -> None:
        """Add a text, or a value as JSON, under this name. A text that does not fit any more is left out."""
        text = content if isinstance(content, str) else _json(content)
        data = self._scrubber.clean(text).encode(errors="replace")
        if self._bytes + len(data) > MAX_BYTES:
            data = b"left out: the bundle is full\n"
        self._bytes += len(data)
        entry = tarfile.TarInfo(f"{_FOLDER}/{self._scrubber.clean(name)}")
        entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
        self._archive.addfile(entry, io.BytesIO(data))


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(builtins(value)), indent=2).decode() + "\n"
