"""Objects: reservation, references, release and measured sizes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from services.metadata.application.access import owning_flow
from services.metadata.application.pages import MAX_PAGE, Page, cut
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.object import MediaObject, State, check_id
from services.shared.errors import AlreadyExists, InvalidArgument, NotFound
from services.shared.paging import decode_token, page_size

_LISTING: Final = "object"
_MAX_ITEMS: Final = 1000


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
    kept = [item for item in loose if item.storage_id is not None]
    tables.objects.change(item._replace(state=State.UNREFERENCED) for item in kept)


def _bounded(count: int) -> None:
    if count > _MAX_ITEMS:
        raise InvalidArgument(f"at most {_MAX_ITEMS} objects at once", reason="TOO_MANY_ITEMS")
