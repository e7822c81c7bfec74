"""Reports attempts of callers to the metadata service, which keeps the audit log."""

from collections.abc import Sequence

from grpc import aio
from tams.metadata.v1 import audit_service_pb2, audit_service_pb2_grpc

from services.access.ports import Attempt
from services.shared.rpc.client import call


class RpcReports:
    """Reports over a channel to the metadata service."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = audit_service_pb2_grpc.AuditServiceStub(channel)

    async def __call__(self, attempts: Sequence[Attempt]) -> None:
        """Report up to 1000 attempts."""
        request = audit_service_pb2.RecordAttemptsRequest(attempts=map(_message, attempts))
        await call(self._stub.RecordAttempts, request)


def _message(attempt: Attempt) -> audit_service_pb2.Attempt:
    message = audit_service_pb2.Attempt(
        action=attempt.action,
        name=attempt.name,
        address=attempt.address,
        reason=attempt.reason,
        count=attempt.times,
        request_id=attempt.request_id,
    )
    message.time.FromNanoseconds(attempt.time_ns)
    return message
