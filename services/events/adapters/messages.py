"""Events as the JSON that subscribers get (TAMS 7.0, webhooks)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from tams.event.v1 import event_pb2, webhook_pb2

from services.events.domain.subscriber import Message
from services.shared.get_urls import UrlFilter
from services.shared.rpc.segment_urls import SegmentUrls, as_columns
from services.shared.rpc.timeranges import from_message

_ENCODE: Final = msgspec.json.Encoder().encode
_TYPES: Final = {
    "flow_created": "flows/created",
    "flow_updated": "flows/updated",
    "flow_deleted": "flows/deleted",
    "segments_added": "flows/segments_added",
    "segments_deleted": "flows/segments_deleted",
    "source_created": "sources/created",
    "source_updated": "sources/updated",
    "source_deleted": "sources/deleted",
}


class Messages:
    """Writes messages; signs the URLs of segments for the subscriber they go to."""

    def __init__(self, urls: SegmentUrls) -> None:
        self._urls = urls

    async def write(self, event: event_pb2.Event, wanted: UrlFilter) -> Message:
        """The message of an event."""
        kind = event.WhichOneof("change") or ""
        if kind == "segments_added":
            segments = as_columns(event.segments_added.segments)
            documents = await self._urls.documents(segments, wanted)
            flow_id = event.segments_added.flow_id
            inner = b'{"flow_id":%b,"segments":[%b]}' % (_ENCODE(flow_id), b",".join(documents))
        else:
            inner = _WRITERS[kind](getattr(event, kind))
        body = b'{"event_timestamp":%b,"event_type":%b,"event":%b}' % (
            _ENCODE(event.time.ToJsonString()),
            _ENCODE(_TYPES[kind]),
            inner,
        )
        return Message(event.id, key_of(event), event.time.ToNanoseconds(), body)


def key_of(event: event_pb2.Event) -> str:
    """The flow, or the source if there is none: messages of one key keep their order."""
    change = getattr(event, event.WhichOneof("change") or "")
    if hasattr(change, "document"):
        return msgspec.json.decode(change.document, type=_Identified).id
    return str(change.flow_id if hasattr(change, "flow_id") else change.source_id)


def url_filter(webhook: webhook_pb2.Webhook) -> UrlFilter:
    """Which URLs of segments the subscriber asked for."""
    labels, storages = webhook.accept_get_urls, webhook.accept_storage_ids
    return UrlFilter(
        labels=frozenset(labels.values) if webhook.HasField("accept_get_urls") else None,
        storage_ids=frozenset(storages.values) if webhook.HasField("accept_storage_ids") else None,
        presigned=webhook.presigned if webhook.HasField("presigned") else None,
        verbose=webhook.verbose_storage,
    )


class _Identified(msgspec.Struct):
    id: str


def _document(member: str) -> Callable[[Any], bytes]:
    """A writer of events that carry a whole flow or source."""
    return lambda change: b'{"%b":%b}' % (member.encode(), change.document)


def _deleted_segments(change: event_pb2.SegmentsDeleted) -> bytes:
    return _ENCODE({"flow_id": change.flow_id, "timerange": str(from_message(change.timerange))})


_WRITERS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "flow_created": _document("flow"),
    "flow_updated": _document("flow"),
    "flow_deleted": lambda change: _ENCODE({"flow_id": change.flow_id}),
    "segments_deleted": _deleted_segments,
    "source_created": _document("source"),
    "source_updated": _document("source"),
    "source_deleted": lambda change: _ENCODE({"source_id": change.source_id}),
}
