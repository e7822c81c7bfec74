"""Unused objects: protobuf to JSON."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from tams.media.v1 import unused_object_service_pb2
from tams.type.v1 import unused_object_pb2

from services.shared.rpc.later_values import known

_CAUSES: Final = {
    unused_object_pb2.UNUSED_CAUSE_UNREFERENCED: "unreferenced",
    unused_object_pb2.UNUSED_CAUSE_UNREGISTERED: "unregistered",
    unused_object_pb2.UNUSED_CAUSE_CLAIMED: "claimed",
}


class UnusedObject(msgspec.Struct, frozen=True):
    """An object whose bytes are to be deleted."""

    id: str
    storage_id: str
    storage_path: str
    cause: str
    unused_since: datetime
    size: int | UnsetType = UNSET


def listing(messages: Iterable[unused_object_pb2.UnusedObject]) -> bytes:
    """The JSON list of unused objects."""
    return msgspec.json.encode(list(map(_unused_object, messages)))


def reclaimed(reply: unused_object_service_pb2.ReclaimUnusedObjectsResponse) -> bytes:
    """The JSON of what was deleted."""
    return msgspec.json.encode({"deleted": reply.deleted, "failed": reply.failed, "complete": reply.complete})


def _unused_object(message: unused_object_pb2.UnusedObject) -> UnusedObject:
    return UnusedObject(
        id=message.id,
        storage_id=message.storage_id,
        storage_path=message.storage_path,
        cause=known(_CAUSES, message.cause, "the cause of an unused object"),
        unused_since=message.unused_since.ToDatetime(UTC),
        size=message.size if message.HasField("size") else UNSET,
    )
