"""Files whose bytes are sent as bodies of requests; they are never held in memory as a whole."""

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_CHUNK_BYTES: Final = 1024**2


class OpenFile:
    """A regular file that is read by position, a context manager; OSError if it cannot be opened.

    `size` is in bytes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Without waiting for the writer of a pipe.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._opened = os.fstat(self._descriptor)
        self.size = self._opened.st_size
        if not stat.S_ISREG(self._opened.st_mode):
            os.close(self._descriptor)
            raise OSError(errno.EINVAL, "not a regular file", str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def piece(self, offset: int, length: int, sent: Callable[[int], None]) -> "FilePiece":
        """The bytes from `offset`; `sent` gets the number of bytes that were read to be sent."""
        return FilePiece(self, offset, length, sent)

    async def read(self, offset: int, length: int) -> bytes:
        """At least one byte from `offset` and at most `length`; OSError if the file ends there."""
        data = await asyncio.to_thread(os.pread, self._descriptor, length, offset)
        if not data:
            raise self._changed()
        return data

    def check_unchanged(self) -> None:
        """OSError if the file was written to since it was opened."""
        now = os.fstat(self._descriptor)
        if (now.st_size, now.st_mtime_ns) != (self._opened.st_size, self._opened.st_mtime_ns):
            raise self._changed()

    def _changed(self) -> OSError:
        return OSError(errno.EIO, "the file changed while it was read", str(self._path))


class FilePiece:
    """`length` bytes of a file in chunks. Each iteration begins again, so a request can be repeated."""

    def __init__(self, file: OpenFile, offset: int, length: int, sent: Callable[[int], None]) -> None:
        self._file = file
        self._offset = offset
        self._sent = sent
        self.length = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        done = 0
        self._sent(0)
        while done < self.length:
            wanted = min(_CHUNK_BYTES, self.length - done)
            data = await self._file.read(self._offset + done, wanted)
            done += len(data)
            yield data
            self._sent(done)

    async def md5(self) -> str:
        """The MD5 sum in hexadecimal digits, which is the ETag of a part in most object storage."""
        digest = hashlib.md5(usedforsecurity=False)
        async for data in self:
            digest.update(data)
        return digest.hexdigest()
