"""AuditService."""

from functools import partial

from google.protobuf.timestamp_pb2 import Timestamp
from tams.metadata.v1 import audit_service_pb2, audit_service_pb2_grpc

from services.access.ports import Attempt
from services.metadata.application.audit.audit_log import AuditLog
from services.metadata.domain.audit import Entry, EntryFilter
from services.metadata.servicers.convert import optional
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.timerange import MAX_NS, MIN_NS


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """Translates between messages and AuditLog."""

    def __init__(self, audit_log: AuditLog) -> None:
        self._audit_log = audit_log

    async def ListAuditEntries(
        self, request: audit_service_pb2.ListAuditEntriesRequest, context: Context
    ) -> audit_service_pb2.ListAuditEntriesResponse:
        """Return a page of entries."""
        criteria = EntryFilter(
            principal=optional(request, "principal"),
            action=optional(request, "action"),
            resource=optional(request, "resource"),
            since=_nanoseconds(request.since) if request.HasField("since") else None,
            until=_nanoseconds(request.until) if request.HasField("until") else None,
        )
        page = await self._audit_log.page(
            criteria,
            request.page_size,
            request.page_token,
            after=request.after_number,
            oldest_first=request.oldest_first,
        )
        return audit_service_pb2.ListAuditEntriesResponse(
            entries=map(_message, page.items), next_page_token=page.next_token, page_size=page.size
        )

    async def RecordAttempts(
        self, request: audit_service_pb2.RecordAttemptsRequest, context: Context
    ) -> audit_service_pb2.RecordAttemptsResponse:
        """Record attempts of callers."""
        await self._audit_log.record(list(map(_attempt, request.attempts)))
        return audit_service_pb2.RecordAttemptsResponse()


def registration(audit_log: AuditLog) -> Registration:
    """The AuditService for a server."""
    add = audit_service_pb2_grpc.add_AuditServiceServicer_to_server
    return (
        audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"],
        partial(add, AuditServicer(audit_log)),
    )


def _message(entry: Entry) -> audit_service_pb2.AuditEntry:
    message = audit_service_pb2.AuditEntry(
        number=entry.number,
        principal=entry.principal,
        action=entry.action,
        resource=entry.resource,
        request_id=entry.request_id,
        before=entry.before,
        after=entry.after,
        outcome=entry.outcome,
        facts=entry.facts,
    )
    message.time.FromNanoseconds(entry.time_ns)
    return message


def _attempt(message: audit_service_pb2.Attempt) -> Attempt:
    return Attempt(
        _nanoseconds(message.time),
        message.action,
        message.name,
        message.address,
        message.reason,
        max(1, message.count),
        message.request_id,
    )


def _nanoseconds(time: Timestamp) -> int:
    """Nanoseconds since 1970; those of the first or last time that the tables can hold, if it is beyond."""
    return max(MIN_NS, min(MAX_NS, time.seconds * 10**9 + time.nanos))
