"""ObjectCopyService."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from tams.metadata.v1 import (
    object_copy_pb2,
    object_copy_service_pb2,
    object_copy_service_pb2_grpc,
    object_pb2,
)

from services.metadata.application.audit.refusals import Refusals
from services.metadata.application.objects.copies import Begun, ObjectCopies
from services.metadata.application.objects.copy_places import Copied
from services.metadata.application.objects.idle_copies import IdleCopies
from services.metadata.domain.objects.copies import Copy, CopyState
from services.metadata.domain.objects.object import Place
from services.metadata.servicers.objects import copy_location
from services.shared.errors import TamsError
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.status import to_failure

_STATES: Final = {
    CopyState.COPYING: object_copy_pb2.OBJECT_COPY_STATE_COPYING,
    CopyState.STORED: object_copy_pb2.OBJECT_COPY_STATE_STORED,
    CopyState.RETIRED: object_copy_pb2.OBJECT_COPY_STATE_RETIRED,
    CopyState.RECLAIMED: object_copy_pb2.OBJECT_COPY_STATE_RECLAIMED,
}


_FINISHED: Final = object_copy_service_pb2.FinishObjectCopyResult()


class ObjectCopyServicer(object_copy_service_pb2_grpc.ObjectCopyServiceServicer):
    """Translates between messages and ObjectCopies and IdleCopies."""

    def __init__(self, copies: ObjectCopies, idle: IdleCopies, refusals: Refusals | None = None) -> None:
        """`refusals` gets the errors of a batch, which do not fail the call."""
        self._copies = copies
        self._idle = idle
        self._refusals = refusals

    async def ListObjectCopies(
        self, request: object_copy_service_pb2.ListObjectCopiesRequest, context: Context
    ) -> object_copy_service_pb2.ListObjectCopiesResponse:
        """Return the copies of an object."""
        copied = await self._copies.list(request.object_id)
        return object_copy_service_pb2.ListObjectCopiesResponse(copies=_copies(copied))

    async def RetireObjectCopy(
        self, request: object_copy_service_pb2.RetireObjectCopyRequest, context: Context
    ) -> object_copy_service_pb2.RetireObjectCopyResponse:
        """Retire a copy of an object."""
        await self._copies.retire(request.object_id, request.storage_id)
        return object_copy_service_pb2.RetireObjectCopyResponse()

    async def BeginObjectCopies(
        self, request: object_copy_service_pb2.BeginObjectCopiesRequest, context: Context
    ) -> object_copy_service_pb2.BeginObjectCopiesResponse:
        """Begin copies of objects."""
        results = await self._copies.begin(_places(request.copies))
        self._note(request.copies, results)
        return object_copy_service_pb2.BeginObjectCopiesResponse(results=map(_begun, results))

    async def RenewObjectCopies(
        self, request: object_copy_service_pb2.RenewObjectCopiesRequest, context: Context
    ) -> object_copy_service_pb2.RenewObjectCopiesResponse:
        """Renew the leases on copies."""
        renewed = await self._copies.renew(_places(request.copies))
        return object_copy_service_pb2.RenewObjectCopiesResponse(copies=map(copy_location, renewed))

    async def FinishObjectCopies(
        self, request: object_copy_service_pb2.FinishObjectCopiesRequest, context: Context
    ) -> object_copy_service_pb2.FinishObjectCopiesResponse:
        """Mark copies as stored."""
        results = await self._copies.finish(_places(request.copies), move=request.move)
        self._note(request.copies, results)
        return object_copy_service_pb2.FinishObjectCopiesResponse(
            results=[_FINISHED if error is None else _failed(error) for error in results]
        )

    async def ClaimObjectCopies(
        self, request: object_copy_service_pb2.ClaimObjectCopiesRequest, context: Context
    ) -> object_copy_service_pb2.ClaimObjectCopiesResponse:
        """Claim copies, to delete their bytes."""
        claimed = await self._idle.claim(request.retired_seconds, request.page_size)
        return object_copy_service_pb2.ClaimObjectCopiesResponse(copies=map(copy_location, claimed))

    async def ForgetObjectCopies(
        self, request: object_copy_service_pb2.ForgetObjectCopiesRequest, context: Context
    ) -> object_copy_service_pb2.ForgetObjectCopiesResponse:
        """Remove claimed copies, whose bytes are deleted."""
        await self._idle.forget(_places(request.copies))
        return object_copy_service_pb2.ForgetObjectCopiesResponse()

    def _note(self, copies: Iterable[object_pb2.ObjectLocation], results: Iterable[object]) -> None:
        if self._refusals is not None:
            for copy, result in zip(copies, results, strict=True):
                if isinstance(result, TamsError):
                    self._refusals.note("copies.put", f"object:{copy.object_id}", result)


def registration(copies: ObjectCopies, idle: IdleCopies, refusals: Refusals | None = None) -> Registration:
    """The ObjectCopyService for a server."""
    add = object_copy_service_pb2_grpc.add_ObjectCopyServiceServicer_to_server
    return (
        object_copy_service_pb2.DESCRIPTOR.services_by_name["ObjectCopyService"],
        partial(add, ObjectCopyServicer(copies, idle, refusals)),
    )


def _places(copies: Iterable[object_pb2.ObjectLocation]) -> list[Place]:
    return [Place(copy.object_id, copy.storage_id, copy.storage_path) for copy in copies]


def _begun(result: Begun | TamsError) -> object_copy_service_pb2.BeginObjectCopyResult:
    if isinstance(result, TamsError):
        return object_copy_service_pb2.BeginObjectCopyResult(failure=to_failure(result))
    return object_copy_service_pb2.BeginObjectCopyResult(
        copy=object_copy_service_pb2.BegunObjectCopy(
            location=copy_location(result.place),
            state=_STATES[result.state],
            busy=result.is_busy,
            first=result.is_first,
            sources=map(copy_location, result.sources),
        )
    )


def _failed(error: TamsError) -> object_copy_service_pb2.FinishObjectCopyResult:
    return object_copy_service_pb2.FinishObjectCopyResult(failure=to_failure(error))


def _copies(copied: Copied) -> list[object_copy_pb2.ObjectCopy]:
    """The object's own place, and its copies."""
    item = copied.item
    if item.storage_id is None:
        return []
    own = object_copy_pb2.ObjectCopy(
        storage_id=item.storage_id,
        storage_path=item.storage_path or "",
        state=object_copy_pb2.OBJECT_COPY_STATE_STORED,
    )
    return [own, *(_message(copied.copies[storage_id]) for storage_id in sorted(copied.copies))]


def _message(copy: Copy) -> object_copy_pb2.ObjectCopy:
    message = object_copy_pb2.ObjectCopy(
        storage_id=copy.storage_id, storage_path=copy.storage_path, state=_STATES[copy.state]
    )
    message.changed.FromMilliseconds(copy.changed_ms)
    return message
