"""Compares the objects of the store with the bytes in its buckets, in steps. It changes nothing.

The listing of a bucket is compared page by page with the objects at its keys. Then the objects of each
backend are compared with what storage has at their places. So memory holds one page, and the order of
listings, which is not the same for all storage, does not matter. What seems wrong is looked at again before
it is reported.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from services.media.application.ports import BucketKeys, Clock, ObjectPlaces
from services.media.application.size_reader import SizeReader
from services.media.domain.object import ObjectLocation
from services.media.domain.reconciliation import Missing, Orphaned, PlacedObject, Step, StoredKey
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import InvalidArgument, Unavailable
from services.shared.paging import decode_token, encode_token

# A step begins no page after these seconds, or with as many differences.
STEP_SECONDS: Final = 10.0
MAX_DIFFERENCES: Final = 1000
# Clocks of storage may be wrong by this, as signed requests are refused beyond.
RECENT: Final = timedelta(minutes=15)
_LISTING: Final = "reconciliation"


class _Place(NamedTuple):
    """The place where a step begins: the first side, the backend, and the token of its page."""

    side: Literal["stored", "objects"] = "stored"
    storage_id: str = ""
    at: Annotated[str, msgspec.Meta(max_length=4096)] = ""


class _Compared(NamedTuple):
    """The result of a page; `at` is the place of the next page, empty at the end of a backend."""

    differences: Sequence[Missing | Orphaned]
    looked_at: int
    recent: int
    at: str


class Reconciliation:
    """Steps over all backends. `keys` and the storages of the reader are by backend id."""

    def __init__(
        self,
        backends: Sequence[StorageBackend],
        keys: Mapping[str, BucketKeys],
        objects: ObjectPlaces,
        reader: SizeReader,
        *,
        clock: Clock,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backends = backends
        self._keys = keys
        self._objects = objects
        self._reader = reader
        self._clock = clock
        self._timer = timer
        listed = outermost(backends)
        # The order of steps: buckets once each, then all backends.
        self._places = [_Place("stored", backend.id) for backend in listed]
        self._places += [_Place("objects", backend.id) for backend in backends]

    async def step(self, token: str) -> Step:
        """Compare some pages from the place in a token on; an empty one begins.

        InvalidArgument BAD_PAGE_TOKEN; Unavailable if a storage or the registry does not answer.
        """
        place = decode_token(token, _LISTING, _Place) or self._places[0]
        end, numbers, recent = self._timer() + STEP_SECONDS, {"stored": 0, "objects": 0}, 0
        found: list[Missing | Orphaned] = []
        following: _Place | None = place
        while following is not None and len(found) < MAX_DIFFERENCES:
            place = following
            compared = await self._compare(place)
            found += compared.differences
            numbers[place.side] += compared.looked_at
            recent += compared.recent
            following = self._after(place, compared.at)
            if self._timer() >= end:
                break
        next_token = "" if following is None else encode_token(_LISTING, following)
        return Step(found, numbers["stored"], numbers["objects"], recent, next_token)

    def _after(self, place: _Place, at: str) -> _Place | None:
        if at:
            return place._replace(at=at)
        following = self._places.index(place._replace(at="")) + 1
        return self._places[following] if following < len(self._places) else None

    async def _compare(self, place: _Place) -> _Compared:
        if place._replace(at="") not in self._places:
            raise InvalidArgument("the page key names no backend that is configured", reason="BAD_PAGE_TOKEN")
        backend = next(one for one in self._backends if one.id == place.storage_id)
        compare = self._stored_page if place.side == "stored" else self._objects_page
        return await compare(backend, place.at)

    async def _stored_page(self, backend: StorageBackend, token: str) -> _Compared:
        """Look for bytes of no object on a page of a bucket."""
        keys, following = await self._keys[backend.id].page(backend.prefix, token)
        sharing = [one.id for one in self._backends if same_bucket(one, backend)]
        unknown = await self._unknown(sharing, keys)
        until = self._clock() - RECENT
        old = [key for key in unknown if key.modified < until]
        # An object may have been deleted, with its bytes, between both readings.
        locations = [ObjectLocation("", backend.id, key.path) for key in old]
        still = zip(old, await self._sizes(locations), strict=True)
        orphaned = [Orphaned(backend.id, key) for key, size in still if size is not None]
        return _Compared(orphaned, len(keys), len(unknown) - len(old), following)

    async def _unknown(self, storage_ids: Sequence[str], keys: Sequence[StoredKey]) -> list[StoredKey]:
        if not keys:
            return []
        placed = await self._objects.find_at(storage_ids, [key.path for key in keys])
        paths = {one.storage_path for one in placed}
        return [key for key in keys if key.path not in paths]

    async def _objects_page(self, backend: StorageBackend, token: str) -> _Compared:
        """Look for objects without bytes on a page of a backend."""
        placed, following = await self._objects.list_places(backend.id, backend.prefix, token)
        objects = [one for one in placed if one.is_registered]
        until = self._clock() - RECENT
        old = [one for one in objects if one.changed < until]
        locations = [ObjectLocation(one.object_id, backend.id, one.storage_path) for one in old]
        sizes = zip(old, await self._sizes(locations), strict=True)
        lost = await self._still_used(backend, [one for one, size in sizes if size is None])
        missing = [Missing(backend.id, one.storage_path, one.object_id) for one in lost]
        return _Compared(missing, len(objects), len(objects) - len(old), following)

    async def _still_used(
        self, backend: StorageBackend, objects: Sequence[PlacedObject]
    ) -> list[PlacedObject]:
        """The objects, among these, that segments still use."""
        if not objects:
            return []
        found = await self._objects.find_at([backend.id], [one.storage_path for one in objects])
        used = {one.object_id for one in found if one.is_registered}
        return [one for one in objects if one.object_id in used]

    async def _sizes(self, locations: Sequence[ObjectLocation]) -> list[int | None]:
        """The sizes of stored bytes. Unavailable if one of them cannot be read, as it is not missing then."""
        sizes = await self._reader.read(locations)
        for size in sizes:
            if isinstance(size, Unavailable):
                raise size
        return [size for size in sizes if not isinstance(size, Unavailable)]


def same_bucket(one: StorageBackend, other: StorageBackend) -> bool:
    """True if two backends have the same bucket at the same endpoint."""
    return (one.endpoint_url.rstrip("/"), one.bucket) == (other.endpoint_url.rstrip("/"), other.bucket)


def outermost(backends: Sequence[StorageBackend]) -> list[StorageBackend]:
    """The backends whose prefix does not lie within that of another one in the same bucket."""
    found: list[StorageBackend] = []
    for backend in sorted(backends, key=lambda backend: len(backend.prefix)):
        if not any(same_bucket(one, backend) and backend.prefix.startswith(one.prefix) for one in found):
            found.append(backend)
    return found
