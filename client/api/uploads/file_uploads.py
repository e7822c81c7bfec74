"""Uploads of files: small ones in one request, large ones in parts."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from client.api.errors import ApiError, BadAnswer, InvalidRequest, ObjectExists
from client.api.files import FilePiece, OpenFile
from client.api.media import Media
from client.api.models import Allocation
from client.api.uploads.multipart_uploads import MultipartUploads, StoredPart, UploadedPart
from client.api.uploads.rules import Meter, Progress, UploadRules

_ABORT_SECONDS: Final = 10
_RULES: Final = UploadRules()


class FileUploads:
    """Sends files as objects. OSError if a file cannot be read or changes meanwhile."""

    def __init__(self, uploads: MultipartUploads, media: Media) -> None:
        self._uploads = uploads
        self._media = media

    async def upload(
        self,
        allocation: Allocation,
        path: Path,
        rules: UploadRules = _RULES,
        progress: Progress = lambda _sent, _total: None,
    ) -> None:
        """Send a file as an object; ObjectExists if the object has bytes already.

        It is sent in parts if the rules say so.
        """
        with OpenFile(path) as file:
            if file.size >= max(1, rules.threshold):
                await _PartedUpload(self._uploads, allocation.object_id, file, rules, progress).run()
                return
            whole = file.piece(0, file.size, Meter(file.size, progress).sent(1))
            await self._media.upload(allocation.put_url, whole)
            file.check_unchanged()

    async def upload_in_parts(
        self,
        object_id: str,
        path: Path,
        rules: UploadRules = _RULES,
        progress: Progress = lambda _sent, _total: None,
    ) -> None:
        """Send a file in parts, whatever its size, as an object that was allocated earlier.

        ObjectExists if the object has bytes already, NotFound if it is not allocated any more.
        """
        with OpenFile(path) as file:
            await _PartedUpload(self._uploads, object_id, file, rules, progress).run()


class _PartedUpload:
    """The upload of one file in parts."""

    def __init__(
        self,
        uploads: MultipartUploads,
        object_id: str,
        file: OpenFile,
        rules: UploadRules,
        progress: Progress,
    ) -> None:
        self._uploads = uploads
        self._object_id = object_id
        self._file = file
        self._rules = rules
        self._meter = Meter(file.size, progress)
        self._part_size = rules.part_size(file.size)
        self._stored: dict[int, StoredPart] = {}

    async def run(self) -> None:
        upload_id = await self._begin()
        try:
            parts = await self._send(upload_id)
            self._file.check_unchanged()
            await self._complete(upload_id, parts)
        except asyncio.CancelledError:
            if self._rules.abort_if_cancelled:
                await self._abort(upload_id)
            raise

    async def _begin(self) -> str:
        """The id of a new upload, or of the newest open one with its stored parts."""
        opened = await self._uploads.open(self._object_id) if self._rules.resume else []
        if not opened:
            return (await self._uploads.create(self._object_id)).upload_id
        upload_id = opened[-1].upload_id
        parts = self._uploads.parts(self._object_id, upload_id)
        self._stored = {part.part_number: part async for part in parts}
        return upload_id

    async def _send(self, upload_id: str) -> list[UploadedPart]:
        """Send all parts, the next one as soon as one is done."""
        count = max(1, -(-self._file.size // self._part_size))
        numbers = iter(range(1, count + 1))
        etags: dict[int, str] = {}

        async def send_next() -> None:
            for number in numbers:
                etags[number] = await self._part(upload_id, number)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(count, self._rules.parallel)):
                    tasks.create_task(send_next())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        return [UploadedPart(part_number=number, etag=etag) for number, etag in sorted(etags.items())]

    async def _part(self, upload_id: str, number: int) -> str:
        """Send a part, unless storage has it; returns its ETag."""
        offset = (number - 1) * self._part_size
        length = min(self._part_size, self._file.size - offset)
        piece = self._file.piece(offset, length, self._meter.sent(number))
        stored = self._stored.get(number)
        if stored is not None and await _is_same(stored, piece):
            return stored.etag
        # Signed as late as possible, since URLs expire.
        (signed,) = await self._uploads.sign(self._object_id, upload_id, [number])
        return await self._uploads.put(signed.url, piece)

    async def _complete(self, upload_id: str, parts: list[UploadedPart]) -> None:
        try:
            size = await self._uploads.complete(self._object_id, upload_id, parts)
        except InvalidRequest as error:
            if error.kind != "OBJECT_STORED":
                raise
            await self._abort(upload_id)
            raise ObjectExists from None
        if size != self._file.size:
            raise BadAnswer(f"the object has {size} bytes, the file {self._file.size}")

    async def _abort(self, upload_id: str) -> None:
        """Abort the upload; one that cannot be reached expires."""
        with suppress(ApiError, TimeoutError):
            async with asyncio.timeout(_ABORT_SECONDS):
                await self._uploads.abort(self._object_id, upload_id)


async def _is_same(stored: StoredPart, piece: FilePiece) -> bool:
    """True if the ETag of a stored part is the MD5 sum of the piece; elsewhere it is sent again."""
    return stored.size == piece.length and stored.etag.strip('"') == await piece.md5()
