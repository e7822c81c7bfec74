"""Copies the bytes of one object from one backend to another, and verifies them."""

import hashlib
from typing import NamedTuple

from services.media.application.copying.ports import CopyStorage
from services.media.application.ports import MultipartStorage
from services.media.domain.copy import (
    COPIED_PART_BYTES,
    MAX_COPIED_BYTES,
    PART_BYTES,
    StoredBytes,
    have_one_endpoint,
    part_bytes,
)
from services.media.domain.multipart_upload import UploadedPart, etag_of_parts
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import Unavailable


class Side(NamedTuple):
    """One side of a copy: a backend, its bucket, and the path there."""

    backend: StorageBackend
    storage: CopyStorage
    multipart: MultipartStorage
    path: str


async def copy_bytes(source: Side, found: StoredBytes, target: Side) -> int:
    """Copy an object, `found` at the source, unless the target has it; returns the bytes that were copied.

    Storage copies it itself if it can. Unavailable if a storage fails, or the copy has other bytes;
    FailedPrecondition COPY_TOO_LARGE.
    """
    present = await target.storage.find(target.path)
    if present is not None and present.is_same_as(found):
        return 0
    if not (have_one_endpoint(source.backend, target.backend) and await _copied(source, found, target)):
        await _stream(source, found, target)
    written = await target.storage.find(target.path)
    if written is None or not written.is_same_as(found):
        raise Unavailable(f"the copy on storage {target.backend.label} does not have the same bytes")
    return found.size


async def _copied(source: Side, found: StoredBytes, target: Side) -> bool:
    """True if storage has copied the object."""
    bucket = source.backend.bucket
    if found.size <= MAX_COPIED_BYTES:
        return await target.storage.copy(target.path, bucket, source.path, found.etag)
    upload_id = await target.multipart.create(target.path, found.content_type)
    try:
        parts: list[UploadedPart] = []
        for first in range(0, found.size, COPIED_PART_BYTES):
            span = first, min(COPIED_PART_BYTES, found.size - first)
            place = bucket, source.path, found.etag
            part = await target.storage.copy_part(target.path, upload_id, len(parts) + 1, place, span)
            if part is None:
                await target.multipart.abort(target.path, upload_id)
                return False
            parts.append(part)
        await target.multipart.complete(target.path, upload_id, parts, once=False)
    except BaseException:
        await target.multipart.abort(target.path, upload_id)
        raise
    return True


async def _stream(source: Side, found: StoredBytes, target: Side) -> None:
    """Copy the object through this process, a part at a time."""
    size, digest = part_bytes(found.size), hashlib.md5(usedforsecurity=False)
    if found.size <= PART_BYTES:
        content = await source.storage.read(source.path, 0, found.size, found.etag)
        digest.update(content)
        _check(found, digest.hexdigest(), len(content))
        await target.storage.put(target.path, content, found.content_type)
        return
    upload_id = await target.multipart.create(target.path, found.content_type)
    try:
        parts: list[UploadedPart] = []
        for first in range(0, found.size, size):
            content = await source.storage.read(source.path, first, min(size, found.size - first), found.etag)
            digest.update(content)
            parts.append(await target.storage.put_part(target.path, upload_id, len(parts) + 1, content))
        _check(found, digest.hexdigest(), found.size)
        await target.multipart.complete(target.path, upload_id, parts, once=False)
    except BaseException:
        await target.multipart.abort(target.path, upload_id)
        raise
    written, expected = await target.storage.find(target.path), etag_of_parts(parts)
    if written is not None and written.is_md5 and expected is not None and written.etag != expected:
        raise Unavailable(f"storage {target.backend.label} has other parts than it was sent")


def _check(found: StoredBytes, md5: str, size: int) -> None:
    if size != found.size or found.md5 not in (None, md5):
        raise Unavailable("storage sent other bytes than the object has")
