"""LoadService."""

from functools import partial
from typing import Any, Final

from tams.metadata.v1 import load_service_pb2 as pb2
from tams.metadata.v1 import load_service_pb2_grpc

from services.metadata.application.bulk_load import Batch, BulkLoads
from services.metadata.domain.load import Kind, Load, State
from services.shared.errors import InvalidArgument
from services.shared.rpc.server import Registration
from services.shared.rpc.status import to_failure

_KINDS: Final = {
    pb2.LOAD_KIND_SOURCES: Kind.SOURCES,
    pb2.LOAD_KIND_FLOWS: Kind.FLOWS,
    pb2.LOAD_KIND_OBJECTS: Kind.OBJECTS,
    pb2.LOAD_KIND_SEGMENTS: Kind.SEGMENTS,
}
_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}
_STATES: Final = {
    State.OPEN: pb2.LOAD_STATE_OPEN,
    State.DONE: pb2.LOAD_STATE_DONE,
    State.ROLLED_BACK: pb2.LOAD_STATE_ROLLED_BACK,
}
_MAX_FAILURES: Final = 1000


class LoadServicer(load_service_pb2_grpc.LoadServiceServicer):
    """Translates between messages and BulkLoads."""

    def __init__(self, loads: BulkLoads) -> None:
        self._loads = loads

    async def StartLoad(self, request: pb2.StartLoadRequest, context: Any) -> pb2.Load:
        """Begin a load."""
        kind = _KINDS.get(request.kind)
        if kind is None:
            raise InvalidArgument("the kind is missing", reason="BAD_LOAD", path="$.kind")
        return _message(await self._loads.start(request.id, kind))

    async def GetLoad(self, request: pb2.GetLoadRequest, context: Any) -> pb2.Load:
        """How far it is."""
        return _message(await self._loads.get(request.id))

    async def LoadRows(self, request: pb2.LoadRowsRequest, context: Any) -> pb2.LoadRowsResponse:
        """Insert a batch."""
        batch = Batch(request.id, request.first_row, request.rows, request.skip_bad)
        report = await self._loads.load(batch)
        response = pb2.LoadRowsResponse(
            load=_message(report.load),
            committed=report.committed,
            repeated=report.repeated,
            failed=len(report.failed),
        )
        for one in report.failed[:_MAX_FAILURES]:
            response.failures.add(row=request.first_row + one.index, failure=to_failure(one.error))
        return response

    async def FinishLoad(self, request: pb2.FinishLoadRequest, context: Any) -> pb2.Load:
        """End a load."""
        return _message(await self._loads.finish(request.id))

    async def RollBackLoad(self, request: pb2.RollBackLoadRequest, context: Any) -> pb2.RollBackLoadResponse:
        """Remove some of what it inserted."""
        gone = await self._loads.roll_back(request.id)
        return pb2.RollBackLoadResponse(
            load=_message(gone.load), done=gone.done, removed=gone.removed, kept=gone.kept
        )


def registration(loads: BulkLoads) -> Registration:
    """The service for a server."""
    add = load_service_pb2_grpc.add_LoadServiceServicer_to_server
    return pb2.DESCRIPTOR.services_by_name["LoadService"], partial(add, LoadServicer(loads))


def _message(load: Load) -> pb2.Load:
    return pb2.Load(
        id=load.id,
        kind=_NUMBERS[load.kind],
        state=_STATES[load.state],
        rows=load.rows,
        inserted=load.inserted,
        skipped=load.skipped,
    )
