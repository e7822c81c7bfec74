"""The audit log: query parameters to protobuf, protobuf to JSON."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from tams.metadata.v1 import audit_service_pb2

from gateway.http.query import Query
from services.shared.errors import InvalidArgument

_ORDERS: Final = ("newest", "oldest")


def list_request(query: Query) -> audit_service_pb2.ListAuditEntriesRequest:
    """The request for a page of entries. InvalidArgument for a bad query."""
    return audit_service_pb2.ListAuditEntriesRequest(
        principal=query.text("principal"),
        action=query.text("action"),
        resource=query.text("resource"),
        since=_time(query, "since"),
        until=_time(query, "until"),
        oldest_first=query.choice("first", _ORDERS) == "oldest",
        after_number=query.number("after") or 0,
        page_size=query.limit(),
        page_token=query.page(),
    )


def listing(entries: Iterable[audit_service_pb2.AuditEntry]) -> bytes:
    """The JSON of entries."""
    return msgspec.json.encode({"entries": list(map(_entry, entries))})


def _entry(entry: audit_service_pb2.AuditEntry) -> dict[str, object]:
    versions = {name: getattr(entry, name) for name in ("before", "after") if entry.HasField(name)}
    return {
        "number": entry.number,
        "time": entry.time.ToJsonString(),
        "principal": entry.principal,
        "action": entry.action,
        "resource": entry.resource,
        "request_id": entry.request_id,
        **versions,
        "outcome": entry.outcome,
        "facts": msgspec.Raw(entry.facts.encode()),
    }


def _time(query: Query, name: str) -> Timestamp | None:
    text = query.text(name)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        utc = time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        raise InvalidArgument(
            f"query parameter {name!r} must be a time such as 2026-03-01T12:00:00Z", reason="BAD_QUERY"
        )
    message = Timestamp()
    message.FromDatetime(utc)
    return message
