"""The trash: query parameters to protobuf, protobuf to JSON."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from tams.metadata.v1 import trash_pb2, trash_service_pb2

from gateway.http.query import Query
from services.shared.rpc.later_values import known
from services.shared.rpc.timeranges import from_message

_KINDS: Final = {trash_pb2.TRASH_KIND_FLOW: "flow", trash_pb2.TRASH_KIND_SEGMENTS: "segments"}


class TrashEntry(msgspec.Struct, frozen=True):
    """A flow, or segments of a flow, that can be restored."""

    id: str
    operation: str
    kind: str
    flow_id: str
    source_id: str
    timerange: str
    deleted_by: str
    deleted: datetime
    expiry: datetime
    purging: bool


def delete_options(query: Query) -> trash_pb2.DeleteOptions:
    """The options of a DELETE: soft_delete, true or false, and deleted_by."""
    return trash_pb2.DeleteOptions(
        soft_delete=query.flag("soft_delete"), deleted_by=query.text("deleted_by") or ""
    )


def list_request(query: Query) -> trash_service_pb2.ListTrashRequest:
    """The request of GET /x/trash: filters and page."""
    return trash_service_pb2.ListTrashRequest(
        flow_id=query.uuid("flow_id"),
        source_id=query.uuid("source_id"),
        page_size=query.limit(),
        page_token=query.page(),
    )


def listing(messages: Iterable[trash_pb2.TrashEntry]) -> bytes:
    """The JSON list of entries."""
    return msgspec.json.encode(list(map(_entry, messages)))


def _entry(message: trash_pb2.TrashEntry) -> TrashEntry:
    return TrashEntry(
        id=message.id,
        operation=message.operation,
        kind=known(_KINDS, message.kind, "the kind of an entry of the trash"),
        flow_id=message.flow_id,
        source_id=message.source_id,
        timerange=str(from_message(message.timerange)),
        deleted_by=message.deleted_by,
        deleted=_instant(message.deleted),
        expiry=_instant(message.expiry),
        purging=message.purging,
    )


def _instant(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(UTC)
