"""Differences between the store and its buckets: protobuf to JSON."""

from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, UnsetType
from tams.media.v1 import reconciliation_service_pb2 as pb


class Difference(msgspec.Struct, frozen=True):
    """An object without bytes, or bytes of no object."""

    kind: str
    storage_id: str
    storage_path: str
    object_id: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    modified: datetime | UnsetType = UNSET


class Step(msgspec.Struct, frozen=True):
    """The differences that one request found, what it looked at, and the key of the next request."""

    differences: list[Difference]
    stored: int
    objects: int
    recent: int
    next: str | UnsetType = UNSET


def step(reply: pb.ReconcileResponse) -> bytes:
    """The JSON of a step."""
    return msgspec.json.encode(
        Step(
            differences=list(map(_difference, reply.differences)),
            stored=reply.stored,
            objects=reply.objects,
            recent=reply.recent,
            next=reply.next_page_token or UNSET,
        )
    )


def _difference(message: pb.Difference) -> Difference:
    place = message.storage_id, message.storage_path
    if message.HasField("missing_object_id"):
        return Difference("missing", *place, object_id=message.missing_object_id)
    orphaned = message.orphaned
    return Difference("orphaned", *place, size=orphaned.size, modified=orphaned.modify_time.ToDatetime(UTC))
