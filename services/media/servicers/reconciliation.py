"""The gRPC service ReconciliationService."""

from functools import partial

from tams.media.v1 import reconciliation_service_pb2 as pb
from tams.media.v1 import reconciliation_service_pb2_grpc

from services.media.application.reconciliation import Reconciliation
from services.media.domain.reconciliation import Missing, Orphaned
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class ReconciliationServicer(reconciliation_service_pb2_grpc.ReconciliationServiceServicer):
    """Translates between messages and Reconciliation."""

    def __init__(self, reconciliation: Reconciliation) -> None:
        self._reconciliation = reconciliation

    async def Reconcile(self, request: pb.ReconcileRequest, context: Context) -> pb.ReconcileResponse:
        """Compare some more objects with the bytes in their buckets."""
        step = await self._reconciliation.step(request.page_token)
        return pb.ReconcileResponse(
            differences=map(_difference, step.differences),
            stored=step.stored,
            objects=step.objects,
            recent=step.recent,
            next_page_token=step.next_token,
        )


def registration(reconciliation: Reconciliation) -> Registration:
    """The service to add to a server."""
    add = reconciliation_service_pb2_grpc.add_ReconciliationServiceServicer_to_server
    return (
        pb.DESCRIPTOR.services_by_name["ReconciliationService"],
        partial(add, ReconciliationServicer(reconciliation)),
    )


def _difference(found: Missing | Orphaned) -> pb.Difference:
    if isinstance(found, Missing):
        return pb.Difference(
            storage_id=found.storage_id, storage_path=found.storage_path, missing_object_id=found.object_id
        )
    orphaned = pb.OrphanedBytes(size=found.stored.size)
    orphaned.modify_time.FromDatetime(found.stored.modified)
    return pb.Difference(storage_id=found.storage_id, storage_path=found.stored.path, orphaned=orphaned)
