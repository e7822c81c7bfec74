"""The calls for uploads in parts, under `/x/objects/{objectId}/uploads`."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec

from client.api import codec
from client.api.connection import Connection
from client.api.files import FilePiece
from client.api.media import Media

# Parts on a page.
_PAGE: Final = 1000


class NewUpload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that has begun, and the limits of its parts; `expiry` is when it is aborted, if ever."""

    upload_id: str
    min_part_bytes: int
    max_part_bytes: int
    max_parts: int
    expiry: datetime | None = None


class OpenUpload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that is neither completed nor aborted."""

    upload_id: str
    created: datetime
    expiry: datetime | None = None


class PartUrl(msgspec.Struct, frozen=True, kw_only=True):
    """The URL to PUT a part to; it is signed and expires."""

    part_number: int
    url: str


class StoredPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part that storage has; `size` is in bytes."""

    part_number: int
    etag: str
    size: int


class UploadedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part with the ETag that storage answered its PUT with."""

    part_number: int
    etag: str


class _Completed(msgspec.Struct):
    size: int


class MultipartUploads:
    """The calls for uploads of an object that is allocated and not registered.

    An extension of this implementation. NotFound for an unknown object, and for an upload that is not open;
    InvalidRequest for a registered object; Forbidden if its flow is read-only.
    """

    def __init__(self, api: Connection, media: Media) -> None:
        self._api = api
        self._media = media

    async def create(self, object_id: str) -> NewUpload:
        """Begin an upload. If an answer is lost, another one stays open until it expires."""
        answer = await self._api.call("POST", _uploads(object_id), repeatable=True)
        return codec.decode(answer.content, NewUpload)

    async def open(self, object_id: str) -> list[OpenUpload]:
        """The open uploads of the object, oldest first, at most 1000."""
        return codec.decode((await self._api.get(_uploads(object_id))).content, list[OpenUpload])

    async def sign(self, object_id: str, upload_id: str, numbers: Sequence[int]) -> list[PartUrl]:
        """The URLs of up to 1000 parts, in the order of their numbers in the request; numbers begin at 1."""
        path, body = f"{_upload(object_id, upload_id)}/part-urls", {"part_numbers": list(numbers)}
        answer = await self._api.call("POST", path, body, repeatable=True)
        return codec.decode(answer.content, list[PartUrl])

    async def put(self, url: str, content: bytes | FilePiece) -> str:
        """PUT a part to its URL; returns its ETag. A part that is sent again replaces the former one."""
        return await self._media.upload_part(url, content)

    async def parts(self, object_id: str, upload_id: str) -> AsyncIterator[StoredPart]:
        """Every part that storage has, ascending by number."""
        async for page in self._api.pages(f"{_upload(object_id, upload_id)}/parts", {"limit": _PAGE}):
            for part in codec.decode(page.content, list[StoredPart]):
                yield part

    async def complete(
        self, object_id: str, upload_id: str, parts: Sequence[UploadedPart] | None = None
    ) -> int:
        """Make the object of these parts, ascending by number, or of all in storage; returns its bytes.

        InvalidRequest with the kind BAD_PARTS if storage has other parts, OBJECT_STORED if the object has
        bytes already.
        """
        body = None if parts is None else {"parts": list(parts)}
        path = f"{_upload(object_id, upload_id)}/complete"
        answer = await self._api.call("POST", path, body, repeatable=True)
        return codec.decode(answer.content, _Completed).size

    async def abort(self, object_id: str, upload_id: str) -> None:
        """End an upload and delete its parts; no error if it is not open."""
        await self._api.call("DELETE", _upload(object_id, upload_id), repeatable=True)


def _uploads(object_id: str) -> str:
    return f"/x/objects/{quote(object_id, safe='')}/uploads"


def _upload(object_id: str, upload_id: str) -> str:
    return f"{_uploads(object_id)}/{quote(upload_id, safe='')}"
