"""The registry of copies of the metadata service, over gRPC."""

from collections.abc import Sequence
from typing import Final

from grpc import aio
from tams.metadata.v1 import object_copy_pb2, object_copy_service_pb2, object_copy_service_pb2_grpc

from services.media.adapters.object_registry import location_message, location_of
from services.media.domain.copy import BegunCopy
from services.media.domain.object import ObjectLocation
from services.shared.errors import TamsError
from services.shared.rpc.client import call
from services.shared.rpc.status import from_failure

COPY_SERVICE: Final = object_copy_service_pb2.DESCRIPTOR.services_by_name["ObjectCopyService"]


class GrpcCopyRegistry:
    """Implements the port CopyRegistry with calls to ObjectCopyService."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = object_copy_service_pb2_grpc.ObjectCopyServiceStub(channel)

    async def begin(self, location: ObjectLocation) -> BegunCopy:
        """Begin a copy, or find the one that exists."""
        request = object_copy_service_pb2.BeginObjectCopiesRequest(copies=[location_message(location)])
        (result,) = (await call(self._stub.BeginObjectCopies, request)).results
        if result.HasField("failure"):
            raise from_failure(result.failure)
        begun = result.copy
        return BegunCopy(
            location_of(begun.location),
            begun.state == object_copy_pb2.OBJECT_COPY_STATE_STORED,
            begun.busy,
            list(map(location_of, begun.sources)),
        )

    async def renew(self, location: ObjectLocation) -> bool:
        """Renew the lease on a copy; False if it is not to be written any more."""
        request = object_copy_service_pb2.RenewObjectCopiesRequest(copies=[location_message(location)])
        return bool((await call(self._stub.RenewObjectCopies, request)).copies)

    async def finish(self, location: ObjectLocation, *, move: bool) -> TamsError | None:
        """Mark a copy as stored; with `move` it becomes the object's own place."""
        request = object_copy_service_pb2.FinishObjectCopiesRequest(
            copies=[location_message(location)], move=move
        )
        (result,) = (await call(self._stub.FinishObjectCopies, request)).results
        return from_failure(result.failure) if result.HasField("failure") else None

    async def retire(self, location: ObjectLocation) -> None:
        """Retire a copy whose bytes are gone."""
        request = object_copy_service_pb2.RetireObjectCopyRequest(
            object_id=location.object_id, storage_id=location.storage_id
        )
        await call(self._stub.RetireObjectCopy, request)

    async def claim(self, retired_seconds: int, limit: int) -> list[ObjectLocation]:
        """Claim copies that were retired that long ago."""
        request = object_copy_service_pb2.ClaimObjectCopiesRequest(
            retired_seconds=retired_seconds, page_size=limit
        )
        return list(map(location_of, (await call(self._stub.ClaimObjectCopies, request)).copies))

    async def forget(self, locations: Sequence[ObjectLocation]) -> None:
        """Remove claimed copies whose bytes are deleted."""
        request = object_copy_service_pb2.ForgetObjectCopiesRequest(copies=map(location_message, locations))
        await call(self._stub.ForgetObjectCopies, request)
