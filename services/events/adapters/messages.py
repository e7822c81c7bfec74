"""Events as the JSON that subscribers get (TAMS 7.0, webhooks)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
from tams.event.v1 import event_pb2, webhook_pb2
from tams.metadata.v1.segment_pb2 import Segment

from services.events.domain.subscriber import Message
from services.shared.get_urls import UrlFilter
from services.shared.rpc.segment_urls import SegmentUrls, as_lines
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


# As many segments as media signs at once.
_SIGNED_AT_ONCE: Final = 1000


class Messages:
    """Writes messages; signs the URLs of segments for the subscriber they go to."""

    def __init__(self, urls: SegmentUrls) -> None:
        self._urls = urls

    async def write(self, events: Sequence[event_pb2.Event], wanted: UrlFilter) -> list[Message]:
        """The message of each event; the URLs of all their segments are signed together."""
        segments = [segment for event in events for segment in event.segments_added.segments]
        documents = iter(await self._documents(segments, wanted))
        return [_message(event, documents) for event in events]

    async def _documents(self, segments: Sequence[Segment], wanted: UrlFilter) -> list[bytes]:
        documents: list[bytes] = []
        for first in range(0, len(segments), _SIGNED_AT_ONCE):
            some = as_lines(segments[first : first + _SIGNED_AT_ONCE])
            documents += (await self._urls.documents(some, wanted)).each()
        return documents


def _message(event: event_pb2.Event, segments: Iterator[bytes]) -> Message:
    """The message of an event, which takes as many documents of segments as it tells of."""
    kind = event.WhichOneof("change") or ""
    change = getattr(event, kind)
    if kind == "segments_added":
        own = b",".join(islice(segments, len(change.segments)))
        inner = b'{"flow_id":%b,"segments":[%b]}' % (_ENCODE(change.flow_id), own)
    else:
        inner = _WRITERS[kind](change)
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
