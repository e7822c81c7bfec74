"""Objects: reservation, references, release and measured sizes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from services.metadata.application.access import owning_flow
from services.metadata.application.pages import MAX_PAGE, Page, cut
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.object import MediaObject, State, check_id
from services.shared.errors import AlreadyExists, InvalidArgument, NotFound
from services.shared.paging import decode_token, page_size

_LISTING: Final = "object"
_MAX_ITEMS: Final = 1000
_MAX_AGE: Final = 10**10
# Whoever claimed objects has this long to delete their bytes; then the claim is anyone's.
CLAIM_SECONDS: Final = 600


class Ages(NamedTuple):
    """How long an object must have been in a state before it is reclaimed, in seconds; None for never."""

    unreferenced: int | None
    unregistered: int | None


class Objects:
    """The object registry."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, object_id: str, asked: int, token: str) -> tuple[MediaObject, Page[str]]:
        """A registered object with a page of the flows that reference it; else NotFound."""
        after = decode_token(token, _LISTING, str)
        size = page_size(asked, default=MAX_PAGE, maximum=MAX_PAGE)

        def query(tables: Tables) -> tuple[MediaObject, list[str]]:
            known = tables.objects.get_many([object_id]).get(object_id)
            if known is None or known.state is not State.REGISTERED:
                raise NotFound(f"no object {object_id[:64]!r}", reason="OBJECT_NOT_FOUND")
            return known, tables.objects.referencing_flows(object_id, after, size + 1)

        known, flows = await self._store.read(query)
        return known, cut(flows, size, _LISTING, lambda flow: flow)

    async def reserve(self, flow_id: str, objects: Sequence[MediaObject]) -> str:
        """Reserve all objects for the flow or none; the flow's container."""
        _bounded(len(objects))
        for item in objects:
            check_id(item.id, "BAD_OBJECT", "$.object_ids")
            if not item.storage_id or not item.storage_path:
                raise InvalidArgument(f"object {item.id!r} has no place", reason="BAD_OBJECT")

        def change(tables: Tables) -> str:
            flow = owning_flow(tables, flow_id)
            ids = {item.id for item in objects}
            if len(ids) < len(objects):
                raise AlreadyExists("an object id repeats in the request", reason="OBJECT_EXISTS")
            if taken := tables.objects.get_many(ids):
                raise AlreadyExists(f"object {min(taken)!r} exists", reason="OBJECT_EXISTS")
            tables.objects.add(objects)
            return flow.container

        return await self._store.write(change)

    async def unmeasured(self, asked: int) -> list[MediaObject]:
        """Objects whose bytes should be looked at now."""
        size = page_size(asked, default=100, maximum=_MAX_ITEMS)
        return await self._store.read(lambda tables: tables.objects.unmeasured(size))

    async def claim(self, ages: Ages, asked: int) -> list[MediaObject]:
        """Objects that nobody uses, whose bytes the caller is to delete and then to `forget`.

        They are out of reach from now on. Those that were claimed and not forgotten come again.
        """
        size = page_size(asked, default=100, maximum=_MAX_ITEMS)
        if any(seconds is not None and not 0 <= seconds <= _MAX_AGE for seconds in ages):
            raise InvalidArgument(f"an age is 0 to {_MAX_AGE} seconds", reason="BAD_AGE")

        def change(tables: Tables) -> list[MediaObject]:
            found = _idle(tables, ages, size)
            loose = set(tables.objects.unreferenced(found))
            claimed = [item for item in found.values() if item.id in loose]
            tables.objects.retire([item.id for item in claimed], State.RECLAIMED)
            return claimed

        return await self._store.write(change)

    async def forget(self, object_ids: Sequence[str]) -> None:
        """The bytes of claimed objects are gone. Others are passed over."""
        _bounded(len(object_ids))

        def change(tables: Tables) -> None:
            known = tables.objects.get_many(object_ids).values()
            tables.objects.forget([item.id for item in known if item.state is State.RECLAIMED])

        await self._store.write(change)

    async def record_sizes(self, sizes: Mapping[str, int | None]) -> None:
        """Store what was found: sizes in bytes, None where the bytes are missing."""
        _bounded(len(sizes))
        if any(size is not None and size < 0 for size in sizes.values()):
            raise InvalidArgument("a size is negative", reason="BAD_SIZE")
        await self._store.write(lambda tables: tables.objects.record_sizes(sizes))


def release(tables: Tables, object_ids: Collection[str]) -> None:
    """After segments were deleted: the objects that lost their last reference change state.

    Objects outside this store are forgotten then: nothing here manages them.
    """
    if not object_ids:
        return
    loose = tables.objects.get_many(tables.objects.unreferenced(object_ids)).values()
    tables.objects.forget([item.id for item in loose if item.storage_id is None])
    kept = [item.id for item in loose if item.storage_id is not None]
    tables.objects.retire(kept, State.UNREFERENCED)


def _idle(tables: Tables, ages: Ages, limit: int) -> dict[str, MediaObject]:
    """Objects to reclaim, by id. Claims that were not finished come first: they are the oldest work."""
    found: dict[str, MediaObject] = {}
    for state, seconds in (
        (State.RECLAIMED, CLAIM_SECONDS),
        (State.UNREFERENCED, ages.unreferenced),
        (State.ALLOCATED, ages.unregistered),
    ):
        if seconds is not None and len(found) < limit:
            idle = tables.objects.idle(state, seconds, limit - len(found))
            found.update((item.id, item) for item in idle)
    return found


def _bounded(count: int) -> None:
    if count > _MAX_ITEMS:
        raise InvalidArgument(f"at most {_MAX_ITEMS} objects at once", reason="TOO_MANY_ITEMS")
