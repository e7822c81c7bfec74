"""The gRPC service CopyService."""

from functools import partial

from tams.media.v1 import copy_service_pb2 as pb
from tams.media.v1 import copy_service_pb2_grpc

from services.media.application.copying.copies import Copies
from services.media.application.copying.object_copying import Copied
from services.shared.errors import TamsError
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.status import to_failure


class CopyServicer(copy_service_pb2_grpc.CopyServiceServicer):
    """Translates between messages and Copies."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    async def CopyObjects(self, request: pb.CopyObjectsRequest, context: Context) -> pb.CopyObjectsResponse:
        """Copy objects to a backend, or move them there."""
        results = await self._copies.copy(request.object_ids, request.storage_id, move=request.move)
        return pb.CopyObjectsResponse(results=map(_result, results))


def registration(copies: Copies) -> Registration:
    """The service to add to a server."""
    add = copy_service_pb2_grpc.add_CopyServiceServicer_to_server
    return pb.DESCRIPTOR.services_by_name["CopyService"], partial(add, CopyServicer(copies))


def _result(result: Copied | TamsError) -> pb.CopyObjectResult:
    if isinstance(result, TamsError):
        return pb.CopyObjectResult(failure=to_failure(result))
    return pb.CopyObjectResult(copied=pb.CopiedObject(pending=result.is_pending, bytes=result.bytes))
