"""The object registry: reservation, references, reclaiming, sizes."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final, NamedTuple

from services.metadata.application.access import require_owning_flow
from services.metadata.application.classes.seeing import sees_flow
from services.metadata.application.clock import Clock, authored_moment, moment, utc_now
from services.metadata.application.objects.reservation import Reservation, fault_of, reserve
from services.metadata.application.pages import MAX_PAGE, Page, make_page
from services.metadata.application.ports import Gathered, Store, Tables
from services.metadata.domain.ids import FlowId, ObjectId, is_object_id
from services.metadata.domain.objects.copies import Copy
from services.metadata.domain.objects.object import (
    MediaObject,
    Place,
    State,
    check_etag,
    check_size,
)
from services.shared.errors import FailedPrecondition, InvalidArgument, NotFound, TamsError
from services.shared.paging import decode_token, page_size

_LISTING: Final = "object"
_MAX_ITEMS: Final = 1000
MAX_BATCH: Final = 256
# Seconds.
_MAX_AGE: Final = 10**10
# The time to delete the bytes of claimed objects. After it, another process can claim them.
CLAIM_SECONDS: Final = 600


class Ages(NamedTuple):
    """The seconds that an object must be in a state before it can be claimed; None excludes the state."""

    unreferenced: int | None
    unregistered: int | None

    def in_order(self) -> tuple[tuple[State, int | None], ...]:
        """The states in the order of claims, with their ages. Unfinished claims are the oldest work."""
        return (
            (State.RECLAIMED, CLAIM_SECONDS),
            (State.UNREFERENCED, self.unreferenced),
            (State.ALLOCATED, self.unregistered),
        )


class Claimed(NamedTuple):
    """Objects whose bytes are to be deleted, and their further copies."""

    objects: Sequence[MediaObject]
    copies: Sequence[Copy]


class Objects:
    """The object registry."""

    def __init__(self, store: Store, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock

    async def get(self, object_id: str, requested_size: int, token: str) -> tuple[MediaObject, Page[FlowId]]:
        """A registered object, with a page of the ids of the flows that reference it.

        NotFound OBJECT_NOT_FOUND, InvalidArgument BAD_PAGE_TOKEN.
        """
        after = decode_token(token, _LISTING, str)
        size = page_size(requested_size, default=MAX_PAGE, maximum=MAX_PAGE)

        def query(tables: Tables) -> tuple[MediaObject, list[FlowId]]:
            item = tables.objects.get_many([object_id]).get(object_id) if is_object_id(object_id) else None
            if item is None or item.state is not State.REGISTERED:
                raise not_found(object_id)
            flow_ids = tables.objects.referencing_flows(item.id, after, size + 1)
            # Segments in the trash keep the object, but to clients it is gone.
            if not flow_ids and after is None:
                raise not_found(object_id)
            if not sees_flow(tables, item.first_referenced_by_flow):
                item = item._replace(first_referenced_by_flow=None)
            return item, flow_ids

        item, flow_ids = await self._store.read(query)
        return item, make_page(flow_ids, size, _LISTING, lambda flow_id: flow_id)

    async def reserve(self, flow_id: str, places: Sequence[Place], request_id: str = "") -> str:
        """Reserve all objects for the flow, or none; returns the flow's container.

        InvalidArgument BAD_OBJECT or TOO_MANY_ITEMS, and the errors of `reservation.reserve`.
        """
        check_count(len(places))
        (result,) = await self.reserve_many([Reservation(flow_id, places, request_id)])
        if isinstance(result, TamsError):
            raise result
        return result

    async def reserve_many(self, reservations: Sequence[Reservation]) -> list[str | TamsError]:
        """For each reservation the container of its flow, or the error of `reserve`.

        InvalidArgument TOO_MANY_ITEMS if there are too many reservations, or objects in all.
        """
        if len(reservations) > MAX_BATCH:
            raise InvalidArgument(f"at most {MAX_BATCH} reservations at once", reason="TOO_MANY_ITEMS")
        check_count(sum(len(reservation.places) for reservation in reservations))
        results = [fault_of(reservation) for reservation in reservations]
        valid = [one for one, fault in zip(reservations, results, strict=True) if fault is None]
        reserved = iter(await self._reserve(valid) if valid else ())
        return [next(reserved) if fault is None else fault for fault in results]

    async def _reserve(self, reservations: Sequence[Reservation]) -> list[str | TamsError]:
        now = authored_moment(self._clock)

        def change(tables: Tables, of: Sequence[Reservation] = reservations) -> list[str | TamsError]:
            return reserve(tables, of, now)

        if len(reservations) == 1:
            return await self._store.write(change)
        steps = [partial(change, of=[reservation]) for reservation in reservations]
        return await self._store.write(Gathered(change, steps))

    async def locate(self, object_ids: Sequence[str]) -> list[MediaObject]:
        """The objects, among these, that are kept in this store, in any state.

        Texts that are not valid object ids are ignored. InvalidArgument TOO_MANY_ITEMS.
        """
        check_count(len(object_ids))
        valid_ids = list(filter(is_object_id, dict.fromkeys(object_ids)))
        objects = await self._store.read(lambda tables: tables.objects.get_many(valid_ids))
        return [item for item in objects.values() if item.storage_id is not None]

    async def upload_target(self, object_id: str) -> tuple[MediaObject, str]:
        """An allocated object of this store that no segment used, and the container of its flow.

        NotFound OBJECT_NOT_FOUND, FailedPrecondition OBJECT_REGISTERED, and the errors of
        `require_owning_flow`.
        """

        def query(tables: Tables) -> tuple[MediaObject, str]:
            item = tables.objects.get_many([object_id]).get(object_id) if is_object_id(object_id) else None
            if item is None or item.storage_id is None or item.state is State.RECLAIMED:
                raise not_found(object_id)
            if item.state is not State.ALLOCATED:
                raise FailedPrecondition(
                    f"object {object_id[:64]!r} is registered, so its bytes do not change; allocate another",
                    reason="OBJECT_REGISTERED",
                )
            return item, require_owning_flow(tables, item.allocated_for_flow or "").container

        return await self._store.read(query)

    async def unmeasured(self, requested_size: int) -> list[MediaObject]:
        """Objects that are due for measuring, oldest first."""
        size = page_size(requested_size, default=100, maximum=_MAX_ITEMS)
        return await self._store.read(lambda tables: tables.objects.unmeasured(size))

    async def claim(self, ages: Ages, requested_size: int) -> Claimed:
        """Unused objects with their copies. The caller deletes their bytes, then calls `forget`.

        Segments can no longer reference them. Objects that were claimed and not forgotten are returned again
        after CLAIM_SECONDS. InvalidArgument BAD_AGE.
        """
        size = page_size(requested_size, default=100, maximum=_MAX_ITEMS)
        check_ages(ages)

        now = moment(self._clock).ms

        def change(tables: Tables) -> Claimed:
            idle = _idle(tables, ages, size)
            unreferenced = set(tables.objects.unreferenced(idle))
            copies = tables.copies.of_objects(unreferenced) if unreferenced else {}
            written = {one for one, found in copies.items() if any(copy.is_leased(now) for copy in found)}
            claimed = [item for item in idle.values() if item.id in unreferenced - written]
            tables.objects.retire([item.id for item in claimed], State.RECLAIMED)
            return Claimed(
                claimed, [copy for item in claimed if item.id in copies for copy in copies[item.id]]
            )

        return await self._store.write(change)

    async def forget(self, object_ids: Sequence[str]) -> None:
        """Remove the records of claimed objects, whose bytes are deleted. Other objects stay as they are.

        InvalidArgument TOO_MANY_ITEMS.
        """
        check_count(len(object_ids))
        valid_ids = list(filter(is_object_id, object_ids))

        def change(tables: Tables) -> None:
            objects = tables.objects.get_many(valid_ids).values()
            reclaimed = [item.id for item in objects if item.state is State.RECLAIMED]
            for copies in tables.copies.of_objects(reclaimed).values():
                tables.copies.remove(copies)
            tables.objects.forget(reclaimed)

        await self._store.write(change)

    async def record_sizes(
        self, sizes: Mapping[str, int | None], etags: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Store sizes in bytes and the known ETags by object id; the size is None if the bytes are missing.

        InvalidArgument BAD_SIZE, BAD_ETAG or TOO_MANY_ITEMS.
        """
        check_count(len(sizes))
        for size in sizes.values():
            check_size(size)
        for etag in etags.values():
            check_etag(etag)
        valid_sizes = {object_id: size for object_id, size in sizes.items() if is_object_id(object_id)}
        known = {object_id: etag for object_id, etag in etags.items() if etag and is_object_id(object_id)}
        await self._store.write(lambda tables: tables.objects.record_sizes(valid_sizes, known))


def check_ages(ages: Ages) -> None:
    """InvalidArgument BAD_AGE unless each age is one that an object can have."""
    if any(seconds is not None and not 0 <= seconds <= _MAX_AGE for seconds in ages):
        raise InvalidArgument(f"an age is 0 to {_MAX_AGE} seconds", reason="BAD_AGE")


def not_found(object_id: str) -> NotFound:
    """The error for an object that does not exist, or that the caller does not see."""
    return NotFound(f"no object {object_id[:64]!r}", reason="OBJECT_NOT_FOUND")


def _idle(tables: Tables, ages: Ages, limit: int) -> dict[ObjectId, MediaObject]:
    """Up to `limit` objects to claim, by id."""
    idle: dict[ObjectId, MediaObject] = {}
    for state, seconds in ages.in_order():
        if seconds is not None and len(idle) < limit:
            objects = tables.objects.idle(state, seconds, limit - len(idle))
            idle.update((item.id, item) for item in objects)
    return idle


def check_count(count: int) -> None:
    """InvalidArgument TOO_MANY_ITEMS for more objects than a call may have."""
    if count > _MAX_ITEMS:
        raise InvalidArgument(f"at most {_MAX_ITEMS} objects at once", reason="TOO_MANY_ITEMS")
