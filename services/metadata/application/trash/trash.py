"""The trash: listing, restoring, purging."""

from functools import partial
from typing import Final

from services.metadata.application.classes.seeing import hides_classes, whole
from services.metadata.application.clock import Clock, authored_moment
from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, make_page
from services.metadata.application.ports import Slow, Store, Tables
from services.metadata.application.trash.cascades import TOGETHER
from services.metadata.application.trash.flows import restore_flow
from services.metadata.application.trash.purging import Purging, require_entry
from services.metadata.application.trash.segments import first_overlap, restore_slice
from services.metadata.domain.documents.classes import outside_classes
from services.metadata.domain.ids import is_flow_id, is_source_id
from services.metadata.domain.trash import Kind, Trashed
from services.shared.errors import NotFound
from services.shared.paging import decode_token, page_size

_LISTING: Final = "trash"


class Trash:
    """Lists, restores and purges what was deleted softly. Purging begins for `budget_seconds` in a call."""

    def __init__(self, store: Store, clock: Clock, budget_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._purging = Purging(store, clock, budget_seconds)

    async def page(
        self, flow_id: str | None, source_id: str | None, requested_size: int, token: str
    ) -> Page[Trashed]:
        """A page of the entries, ascending by id, those of a flow and source if given.

        InvalidArgument BAD_PAGE_TOKEN.
        """
        after = decode_token(token, _LISTING, str)
        size = page_size(requested_size, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        rows = await self._store.scan(lambda tables: tables.trash.page(flow_id, source_id, after, size + 1))
        return make_page(rows, size, _LISTING, lambda entry: entry.id)

    async def restore(self, entry_id: str) -> list[Trashed]:
        """Restore an entry with all others of its operation; returns them.

        NotFound NOT_IN_TRASH, and the errors of `restore_flow` and `restore_slice`. Then some entries may be
        restored and others not; call again when the cause is gone.
        """
        entry = await self._store.read(lambda tables: require_entry(tables, entry_id))
        return await self._restore_operation(entry.operation)

    async def restore_flow(self, flow_id: str) -> list[Trashed]:
        """Restore the flow that was last deleted with this id; the errors are those of `restore`."""

        def latest(tables: Tables) -> Trashed | None:
            found = tables.trash.of_flows([flow_id], Kind.FLOW) if is_flow_id(flow_id) else []
            return found[-1] if found else None

        entry = await self._store.scan(latest)
        if entry is None:
            raise NotFound(f"flow {flow_id[:64]!r} is not in the trash", reason="NOT_IN_TRASH")
        await self._restore_flows([entry])
        return [entry]

    async def restore_source(self, source_id: str) -> list[Trashed]:
        """Restore the flows that the last deletion of a source took along; the errors of `restore`."""

        def flows(tables: Tables) -> list[Trashed]:
            return tables.trash.of_source(source_id) if is_source_id(source_id) else []

        found = await self._store.scan(flows)
        if not found:
            raise NotFound(f"source {source_id[:64]!r} is not in the trash", reason="NOT_IN_TRASH")
        return await self._restore_operation(found[-1].operation)

    async def purge(self, entry_id: str) -> bool:
        """Purge an entry now; True if the rest continues in the background. The errors of Purging.purge."""
        return await self._purging.purge(entry_id)

    async def _restore_operation(self, operation: str) -> list[Trashed]:
        entries = await self._store.scan(partial(_of_operation, operation=operation))
        # In reverse, so that a flow finds the flows that it collected, and those that collected it.
        entries.reverse()
        flows = [entry for entry in entries if entry.kind is Kind.FLOW]
        for start in range(0, len(flows), TOGETHER):
            await self._restore_flows(flows[start : start + TOGETHER])
        for entry in entries:
            if entry.kind is Kind.SEGMENTS:
                await self._restore_segments(entry)
        return entries

    async def _restore_flows(self, entries: list[Trashed]) -> None:
        now = authored_moment(self._clock)

        def change(tables: Tables) -> None:
            for entry in entries:
                restore_flow(tables, require_entry(tables, entry.id), now)

        await self._store.write(Slow(change))

    async def _restore_segments(self, entry: Trashed) -> None:
        now = authored_moment(self._clock)
        after = await self._store.scan(partial(first_overlap, entry_id=entry.id, after=None))
        while after is not None:
            after = await self._store.scan(partial(first_overlap, entry_id=entry.id, after=after))
        while await self._store.write(Slow(partial(restore_slice, entry_id=entry.id, now=now))):
            pass


def _of_operation(tables: Tables, operation: str) -> list[Trashed]:
    """The entries of an operation; PermissionDenied OUTSIDE_CLASSES if the caller does not see all."""
    entries = whole(tables).trash.of_operation(operation)
    if any(hides_classes(tables, entry.classes) for entry in entries):
        raise outside_classes("what was deleted together has parts outside the classes of the caller")
    return entries
