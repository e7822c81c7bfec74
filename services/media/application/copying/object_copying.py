"""Copies one object to another backend: begins the copy, writes its bytes, and finishes it."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Final, NamedTuple

from services.media.application.copying.copier import Side, copy_bytes
from services.media.application.copying.ports import CopyRegistry, CopyStorage
from services.media.application.ports import MultipartStorage, ObjectStorage
from services.media.domain.copy import BegunCopy, StoredBytes, copy_path
from services.media.domain.object import ObjectLocation
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.shared.errors import FailedPrecondition, NotFound, TamsError, Unavailable

# The registry gives a lease of 5 seconds.
RENEW_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


class Copied(NamedTuple):
    """The outcome for one object: whether its copy is still to be written, and the bytes that were copied."""

    is_pending: bool
    bytes: int = 0


PENDING: Final = Copied(is_pending=True)


class Buckets(NamedTuple):
    """The buckets of the backends by id, for all that a copy needs."""

    copies: Mapping[str, CopyStorage]
    multipart: Mapping[str, MultipartStorage]
    objects: Mapping[str, ObjectStorage]


class ObjectCopying:
    """Copies single objects between the backends."""

    def __init__(self, backends: StorageBackends, copies: CopyRegistry, buckets: Buckets) -> None:
        self._backends = backends
        self._copies = copies
        self._buckets = buckets
        # Pairs of backends that are known to have different buckets.
        self._distinct: set[tuple[str, str]] = set()

    async def copy(self, location: ObjectLocation, target: StorageBackend, *, move: bool) -> Copied:
        """Copy the object to a backend; with `move` it has its place there.

        It is pending if another process copies it.

        The errors of CopyRegistry, and FailedPrecondition OBJECT_NOT_STORED, SAME_PLACE or COPY_TOO_LARGE.
        """
        path = location.storage_path
        # The backend of the object may be gone from the configuration, when another has a copy.
        source = self._backends.get(location.storage_id)
        if location.storage_id != target.id:
            path = copy_path(path, source, target)
            if source is not None and path == location.storage_path:
                await self._check_buckets(source, target)
        begun = await self._copies.begin(ObjectLocation(location.object_id, target.id, path))
        if begun.is_busy:
            return PENDING
        if begun.is_stored and await self._find(begun.location) is not None:
            copied = 0
        else:
            copied = await self._while_leased(begun, self._write(begun))
        error = await self._copies.finish(begun.location, move=move)
        if error is not None:
            await self._clear_up(begun, error)
            raise error
        return Copied(is_pending=False, bytes=copied)

    async def _check_buckets(self, source: StorageBackend, target: StorageBackend) -> None:
        """FailedPrecondition SAME_PLACE if two backends with one prefix are two names of one bucket.

        Copies there would be the objects themselves, and a move would delete them.
        """
        pair = source.id, target.id
        if pair in self._distinct:
            return
        key = f"{target.prefix}.tams-copy-{token_hex(8)}"
        await self._buckets.copies[target.id].put(key, b"", "application/octet-stream")
        try:
            found = await self._buckets.copies[source.id].find(key)
        finally:
            await self._buckets.objects[target.id].delete(key)
        if found is not None:
            raise FailedPrecondition("the two backends are one bucket", reason="SAME_PLACE")
        self._distinct.add(pair)

    async def _write(self, begun: BegunCopy) -> int:
        """Write the bytes of a copy, from the first source that has them."""
        target = self._side(begun.location)
        fault: Unavailable | None = None
        gone: list[ObjectLocation] = []
        for place in begun.sources:
            if place.storage_id not in self._buckets.copies or place == begun.location:
                continue
            try:
                found = await self._find(place)
                if found is not None:
                    copied = await copy_bytes(self._side(place), found, target)
                    await self._note_gone(gone)
                    return copied
                gone.append(place)
            except Unavailable as error:
                fault = error
        raise fault or FailedPrecondition(
            f"storage has no bytes of object {begun.location.object_id[:64]!r}", reason="OBJECT_NOT_STORED"
        )

    async def _find(self, place: ObjectLocation) -> StoredBytes | None:
        return await self._buckets.copies[place.storage_id].find(place.storage_path)

    async def _note_gone(self, places: Sequence[ObjectLocation]) -> None:
        """Have clients get no URLs of copies whose bytes are gone, as another copy has been read."""
        for place in places:
            fields = {"object": place.object_id, "storage": place.storage_id}
            _log.warning("the bytes of a copy are gone", extra=fields)
            with suppress(FailedPrecondition, NotFound):
                await self._copies.retire(place)

    async def _while_leased(self, begun: BegunCopy, work: Awaitable[int]) -> int:
        """The result of the work, during which the lease is renewed.

        NotFound COPY_NOT_FOUND if the copy is not to be written any more.
        """
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait([task], timeout=RENEW_SECONDS))[0]:
                with suppress(Unavailable):
                    if not begun.is_stored and not await self._copies.renew(begun.location):
                        raise NotFound("the copy was deleted meanwhile", reason="COPY_NOT_FOUND")
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _clear_up(self, begun: BegunCopy, error: TamsError) -> None:
        """Delete what was written for an object that is gone: nothing else knows of the bytes."""
        if error.reason == "OBJECT_NOT_FOUND":
            await self._buckets.objects[begun.location.storage_id].delete(begun.location.storage_path)

    def _side(self, place: ObjectLocation) -> Side:
        return Side(
            self._backends.choose(place.storage_id),
            self._buckets.copies[place.storage_id],
            self._buckets.multipart[place.storage_id],
            place.storage_path,
        )
