"""LoadService."""

from functools import partial
from typing import Final

from tams.metadata.v1 import load_service_pb2, load_service_pb2_grpc

from services.metadata.application.loads.batches import Batch
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.domain.load import Kind, Load, State
from services.shared.errors import InvalidArgument
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.status import to_failure

_KINDS: Final = {
    load_service_pb2.LOAD_KIND_SOURCES: Kind.SOURCES,
    load_service_pb2.LOAD_KIND_FLOWS: Kind.FLOWS,
    load_service_pb2.LOAD_KIND_OBJECTS: Kind.OBJECTS,
    load_service_pb2.LOAD_KIND_SEGMENTS: Kind.SEGMENTS,
}
_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}
_STATES: Final = {
    State.OPEN: load_service_pb2.LOAD_STATE_OPEN,
    State.DONE: load_service_pb2.LOAD_STATE_DONE,
    State.ROLLED_BACK: load_service_pb2.LOAD_STATE_ROLLED_BACK,
}
_MAX_FAILURES: Final = 1000


class LoadServicer(load_service_pb2_grpc.LoadServiceServicer):
    """Translates between messages and BulkLoads."""

    def __init__(self, loads: BulkLoads) -> None:
        self._loads = loads

    async def StartLoad(
        self, request: load_service_pb2.StartLoadRequest, context: Context
    ) -> load_service_pb2.Load:
        """Start a load."""
        kind = _KINDS.get(request.kind)
        if kind is None:
            raise InvalidArgument("the kind is missing or unknown", reason="BAD_LOAD", path="$.kind")
        return _message(await self._loads.start(request.id, kind))

    async def GetLoad(
        self, request: load_service_pb2.GetLoadRequest, context: Context
    ) -> load_service_pb2.Load:
        """Return a load."""
        return _message(await self._loads.get(request.id))

    async def ListLoads(
        self, request: load_service_pb2.ListLoadsRequest, context: Context
    ) -> load_service_pb2.ListLoadsResponse:
        """Return the latest loads."""
        return load_service_pb2.ListLoadsResponse(loads=map(_message, await self._loads.latest()))

    async def LoadRows(
        self, request: load_service_pb2.LoadRowsRequest, context: Context
    ) -> load_service_pb2.LoadRowsResponse:
        """Insert a batch of rows."""
        batch = Batch(request.id, request.first_row, request.rows, request.skip_bad)
        report = await self._loads.load(batch)
        response = load_service_pb2.LoadRowsResponse(
            load=_message(report.load),
            committed=report.committed,
            repeated=report.repeated,
            failed=len(report.failures),
        )
        for failure in report.failures[:_MAX_FAILURES]:
            response.failures.add(row=request.first_row + failure.index, failure=to_failure(failure.error))
        return response

    async def FinishLoad(
        self, request: load_service_pb2.FinishLoadRequest, context: Context
    ) -> load_service_pb2.Load:
        """Finish a load."""
        return _message(await self._loads.finish(request.id))

    async def RollBackLoad(
        self, request: load_service_pb2.RollBackLoadRequest, context: Context
    ) -> load_service_pb2.RollBackLoadResponse:
        """Remove rows that a load inserted."""
        progress = await self._loads.roll_back(request.id)
        return load_service_pb2.RollBackLoadResponse(
            load=_message(progress.load), done=progress.done, removed=progress.removed, kept=progress.kept
        )


def registration(loads: BulkLoads) -> Registration:
    """The LoadService for a server."""
    add = load_service_pb2_grpc.add_LoadServiceServicer_to_server
    return load_service_pb2.DESCRIPTOR.services_by_name["LoadService"], partial(add, LoadServicer(loads))


def _message(load: Load) -> load_service_pb2.Load:
    return load_service_pb2.Load(
        id=load.id,
        kind=_NUMBERS[load.kind],
        state=_STATES[load.state],
        rows=load.rows,
        inserted=load.inserted,
        skipped=load.skipped,
        changed_ms=load.changed_ms,
    )
