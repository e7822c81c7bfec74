"""TrashService."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from tams.metadata.v1 import trash_pb2, trash_service_pb2, trash_service_pb2_grpc

from services.metadata.application.trash.trash import Trash
from services.metadata.domain.trash import Kind, Trashed
from services.metadata.servicers.convert import optional
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.timeranges import to_message

_KINDS: Final = {Kind.FLOW: trash_pb2.TRASH_KIND_FLOW, Kind.SEGMENTS: trash_pb2.TRASH_KIND_SEGMENTS}


class TrashServicer(trash_service_pb2_grpc.TrashServiceServicer):
    """Translates between messages and Trash."""

    def __init__(self, trash: Trash) -> None:
        self._trash = trash

    async def ListTrash(
        self, request: trash_service_pb2.ListTrashRequest, context: Context
    ) -> trash_service_pb2.ListTrashResponse:
        """Return a page of the trash."""
        page = await self._trash.page(
            optional(request, "flow_id"),
            optional(request, "source_id"),
            request.page_size,
            request.page_token,
        )
        return trash_service_pb2.ListTrashResponse(
            entries=map(_message, page.items), next_page_token=page.next_token, page_size=page.size
        )

    async def RestoreFlow(
        self, request: trash_service_pb2.RestoreFlowRequest, context: Context
    ) -> trash_service_pb2.RestoreResponse:
        """Restore a flow."""
        return _restored(await self._trash.restore_flow(request.id))

    async def RestoreSource(
        self, request: trash_service_pb2.RestoreSourceRequest, context: Context
    ) -> trash_service_pb2.RestoreResponse:
        """Restore the flows of a source."""
        return _restored(await self._trash.restore_source(request.id))

    async def RestoreEntry(
        self, request: trash_service_pb2.RestoreEntryRequest, context: Context
    ) -> trash_service_pb2.RestoreResponse:
        """Restore an entry with the others of its operation."""
        return _restored(await self._trash.restore(request.id))

    async def PurgeEntry(
        self, request: trash_service_pb2.PurgeEntryRequest, context: Context
    ) -> trash_service_pb2.PurgeEntryResponse:
        """Purge an entry."""
        return trash_service_pb2.PurgeEntryResponse(continues=await self._trash.purge(request.id))


def registration(trash: Trash) -> Registration:
    """The TrashService for a server."""
    add = trash_service_pb2_grpc.add_TrashServiceServicer_to_server
    return trash_service_pb2.DESCRIPTOR.services_by_name["TrashService"], partial(add, TrashServicer(trash))


def _restored(entries: Iterable[Trashed]) -> trash_service_pb2.RestoreResponse:
    return trash_service_pb2.RestoreResponse(entries=map(_message, entries))


def _message(entry: Trashed) -> trash_pb2.TrashEntry:
    message = trash_pb2.TrashEntry(
        id=entry.id,
        operation=entry.operation,
        kind=_KINDS[entry.kind],
        flow_id=entry.flow_id,
        source_id=entry.source_id,
        timerange=to_message(entry.timerange),
        deleted_by=entry.deleted_by,
        purging=entry.purging,
    )
    message.deleted.FromMilliseconds(entry.deleted_ms)
    message.expiry.FromMilliseconds(entry.purge_ms)
    return message
