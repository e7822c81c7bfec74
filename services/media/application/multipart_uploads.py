"""Uploads of large objects in parts, which clients PUT to storage with signed URLs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.media.application.ports import MultipartStorage, ObjectRegistry
from services.media.application.recent_objects import RecentObjects
from services.media.application.signer import Signer
from services.media.application.size_recorder import SizeRecorder
from services.media.domain.multipart_upload import (
    MAX_ITEMS,
    OpenUpload,
    StoredPart,
    UploadedPart,
    check_numbers,
    check_parts,
    check_upload_id,
)
from services.media.domain.object import UploadTarget
from services.media.domain.storage_backend import ConditionalWrites, StorageBackend, StorageBackends
from services.shared.errors import InvalidArgument
from services.shared.paging import decode_token, encode_token, page_size

_LISTING: Final = "parts"


class PartsPage(NamedTuple):
    """One page of the parts of an upload."""

    parts: Sequence[StoredPart]
    next_token: str
    size: int


class MultipartUploads:
    """Begins, lists, completes and aborts uploads of objects that are allocated and not registered.

    Each call raises the errors of ObjectRegistry.upload_target, InvalidArgument UNKNOWN_STORAGE if the
    backend of the object is not configured here, and Unavailable if the storage does not answer.
    """

    def __init__(
        self,
        backends: StorageBackends,
        registry: ObjectRegistry,
        storages: Mapping[str, MultipartStorage],
        signer: Signer,
        *,
        recent: RecentObjects,
        size_recorder: SizeRecorder,
        expiry_seconds: int | None,
    ) -> None:
        self._backends = backends
        self._registry = registry
        self._storages = storages
        self._signer = signer
        self._recent = recent
        self._size_recorder = size_recorder
        self._expiry_seconds = expiry_seconds

    def expiry(self, created: datetime) -> datetime | None:
        """When an upload that began then is aborted; None for never."""
        if self._expiry_seconds is None:
            return None
        return created + timedelta(seconds=self._expiry_seconds)

    async def create(self, object_id: str) -> str:
        """Begin an upload; returns its id."""
        target, backend = await self._target(object_id)
        return await self._storages[backend.id].create(target.location.storage_path, target.container)

    async def open(self, object_id: str) -> Sequence[OpenUpload]:
        """The open uploads of the object, oldest first."""
        target, backend = await self._target(object_id)
        path = target.location.storage_path
        # Storage lists by prefix, and the path may begin those of other objects.
        uploads = [upload for upload in await self._storages[backend.id].uploads(path) if upload.path == path]
        return sorted(uploads, key=lambda upload: (upload.created, upload.id))[:MAX_ITEMS]

    async def sign(self, object_id: str, upload_id: str, numbers: Sequence[int]) -> list[str]:
        """The URLs to PUT these parts, in order.

        InvalidArgument BAD_UPLOAD or TOO_MANY_ITEMS.
        """
        check_upload_id(upload_id)
        check_numbers(numbers)
        target, backend = await self._target(object_id)
        return self._signer.part_urls(backend, target.location.storage_path, upload_id, numbers)

    async def parts(self, object_id: str, upload_id: str, requested_size: int, token: str) -> PartsPage:
        """One page of the parts that storage has.

        InvalidArgument BAD_UPLOAD or BAD_PAGE_TOKEN, NotFound UPLOAD_NOT_FOUND.
        """
        check_upload_id(upload_id)
        after = decode_token(token, _LISTING, int) or 0
        size = page_size(requested_size, default=MAX_ITEMS, maximum=MAX_ITEMS)
        target, backend = await self._target(object_id)
        storage, path = self._storages[backend.id], target.location.storage_path
        parts, more = await storage.parts(path, upload_id, max(0, after), size)
        return PartsPage(parts, encode_token(_LISTING, parts[-1].number) if more else "", size)

    async def complete(self, object_id: str, upload_id: str, parts: Sequence[UploadedPart]) -> int:
        """Make the object of these parts, or of all that storage has; returns its size in bytes.

        InvalidArgument BAD_UPLOAD, BAD_PARTS or TOO_MANY_ITEMS, NotFound UPLOAD_NOT_FOUND, AlreadyExists
        OBJECT_STORED.
        """
        check_upload_id(upload_id)
        check_parts(parts)
        target, backend = await self._target(object_id)
        storage, path = self._storages[backend.id], target.location.storage_path
        once = backend.conditional_writes is not ConditionalWrites.OFF
        chosen = parts or await _all_parts(storage, path, upload_id)
        size = await storage.complete(path, upload_id, chosen, once=once)
        self._recent.mark_stored(object_id)
        self._size_recorder.add(target.location, size)
        return size

    async def abort(self, object_id: str, upload_id: str) -> None:
        """End the upload and delete its parts. InvalidArgument BAD_UPLOAD."""
        check_upload_id(upload_id)
        target, backend = await self._target(object_id)
        await self._storages[backend.id].abort(target.location.storage_path, upload_id)

    async def _target(self, object_id: str) -> tuple[UploadTarget, StorageBackend]:
        target = await self._registry.upload_target(object_id)
        return target, self._backends.choose(target.location.storage_id)


async def _all_parts(storage: MultipartStorage, path: str, upload_id: str) -> list[UploadedPart]:
    found: list[UploadedPart] = []
    more = True
    while more:
        last = found[-1].number if found else 0
        parts, more = await storage.parts(path, upload_id, last, MAX_ITEMS)
        found += [UploadedPart(part.number, part.etag) for part in parts]
    if not found:
        raise InvalidArgument("no part was uploaded", reason="BAD_PARTS")
    return found
