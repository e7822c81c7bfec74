"""Writes events as the JSON that subscribers receive (TAMS 7.0, webhooks)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from tams.event.v1 import event_pb2, webhook_pb2

from services.events.domain.subscriber import Message
from services.segment_documents.documents import SegmentDocuments
from services.segment_documents.segment_urls import SegmentUrls
from services.segment_documents.url_filter import UrlFilter
from services.shared.rpc.later_values import later_value
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
    """Writes messages, with URLs of segments that are signed for the subscriber."""

    def __init__(self, urls: SegmentUrls) -> None:
        self._urls = urls

    async def write(self, events: Sequence[event_pb2.Event], urls: UrlFilter) -> list[Message]:
        """The message of each event, in order; `urls` selects the URLs of segments.

        The URLs of all events are signed in one call. Unavailable if media does not answer, and
        PARTS_DISAGREE for an event of a kind that this version does not know, which waits for the upgrade.
        """
        added = [event.segments_added.segments for event in events if event.HasField("segments_added")]
        documents = iter(await self._urls.documents(added, urls))
        return [_message(event, documents) for event in events]


def _message(event: event_pb2.Event, segments: Iterator[SegmentDocuments]) -> Message:
    """The message of an event; takes the next item of `segments` if the event adds segments."""
    kind = event.WhichOneof("change")
    if kind is None:
        raise later_value("the change of an event", event.id)
    change = getattr(event, kind)
    if kind == "segments_added":
        inner = b'{"flow_id":%b,"segments":%b}' % (_ENCODE(change.flow_id), next(segments).json_list())
    else:
        inner = _WRITERS[kind](change)
    body = b'{"event_timestamp":%b,"event_type":%b,"event":%b}' % (
        _ENCODE(event.time.ToJsonString()),
        _ENCODE(_TYPES[kind]),
        inner,
    )
    return Message(event.id, event.key, event.time.ToNanoseconds(), body, event.traceparent)


def url_filter(webhook: webhook_pb2.Webhook) -> UrlFilter:
    """The filter that selects the URLs of segments that the subscriber requested."""
    labels, storages = webhook.accept_get_urls, webhook.accept_storage_ids
    return UrlFilter(
        labels=frozenset(labels.values) if webhook.HasField("accept_get_urls") else None,
        storage_ids=frozenset(storages.values) if webhook.HasField("accept_storage_ids") else None,
        presigned=webhook.presigned if webhook.HasField("presigned") else None,
        verbose=webhook.verbose_storage,
    )


class _WithDocument(Protocol):
    """A change of an event that has the document of a flow or source."""

    @property
    def document(self) -> bytes: ...


def _document(member: str) -> Callable[[_WithDocument], bytes]:
    """A writer of events that contain a flow or source as the given member."""
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
