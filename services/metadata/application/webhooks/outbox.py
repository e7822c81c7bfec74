"""Records events in the transaction of the change that they report.

Without webhooks no events are recorded, because a new webhook only gets events after its registration.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar, cast

import msgspec

from services.metadata.application.clock import Moment
from services.metadata.application.ports import Tables
from services.metadata.domain.documents.classes import classes_of_document
from services.metadata.domain.flows.flow import StoredFlow, served_document
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.segments.segment import StoredSegment
from services.metadata.domain.source import StoredSource
from services.metadata.domain.source import served_document as served_source
from services.metadata.domain.webhooks import event as events
from services.metadata.domain.webhooks.event import Event
from services.shared.timerange import TimeRange

# The limits of one event: about 100 kB of JSON with URLs. A single segment may have more bytes.
_MAX_SEGMENTS: Final = 200
_MAX_SEGMENT_BYTES: Final = 64 * 1024
# The members of a segment in an event: all but its copies.
_MEMBERS: Final = len(StoredSegment._fields) - 1
_flow_ids: Final = msgspec.json.Decoder(list[FlowId])
_source_ids: Final = msgspec.json.Decoder(list[SourceId])

Id = TypeVar("Id")


class Outbox:
    """Records the events of one change."""

    def __init__(self, tables: Tables, now: Moment) -> None:
        self._tables = tables
        self._now = now
        # True if there are webhooks, so that events are recorded.
        self.is_open = tables.webhooks.has_any()

    def flow(self, kind: str, flow_id: FlowId) -> None:
        """Record flows/created or flows/updated, with the document of the flow."""
        flow = self._tables.flows.get(flow_id) if self.is_open else None
        if flow is not None:
            self._append(self._of_flow(kind, flow, document=served_document(flow)))

    def flow_deleted(self, flow: StoredFlow) -> None:
        """Record flows/deleted. Call it before the flow is removed from its collections."""
        if self.is_open:
            self._append(self._of_flow(events.FLOW_DELETED, flow))

    def segments_added(self, flow: StoredFlow, segments: Sequence[StoredSegment]) -> None:
        """Record flows/segments_added, as several events if there are many segments."""
        if self.is_open:
            for part in _parts(segments):
                # Without copies, which processes of the version before cannot read.
                kept = [cast("StoredSegment", segment[:_MEMBERS]) for segment in part]
                self._append(self._of_flow(events.SEGMENTS_ADDED, flow, segments=kept))

    def segments_deleted(self, flow: StoredFlow, span: TimeRange) -> None:
        """Record flows/segments_deleted, unless the range that spans the deleted segments is empty."""
        if self.is_open and span.start is not None and span.end is not None and not span.empty:
            self._append(
                self._of_flow(events.SEGMENTS_DELETED, flow, span=(span.start, span.end, span.end_inclusive))
            )

    def source(self, kind: str, source: StoredSource) -> None:
        """Record sources/created or sources/updated, with the document of the source."""
        if self.is_open:
            self._append(self._of_source(kind, source, document=served_source(source)))

    def source_deleted(self, source: StoredSource) -> None:
        """Record sources/deleted. Call it before the source is removed from its collections."""
        if self.is_open:
            self._append(self._of_source(events.SOURCE_DELETED, source))

    def _append(self, event: Event) -> None:
        self._tables.events.append(event)

    def _of_flow(
        self,
        kind: str,
        flow: StoredFlow,
        *,
        document: bytes = b"",
        segments: Sequence[StoredSegment] = (),
        span: tuple[int, int, bool] | None = None,
    ) -> Event:
        source = self._tables.sources.get(flow.source_id)
        return Event(
            type=kind,
            time_ns=self._now.ns,
            source_id=flow.source_id,
            source_collected_by=_ids(_source_ids, source.collected_by if source else None),
            flow_id=flow.id,
            flow_collected_by=_ids(_flow_ids, flow.collected_by),
            document=document,
            segments=segments,
            span=span,
            classes=classes_of_document(flow.document),
            traceparent=self._now.traceparent,
        )

    def _of_source(self, kind: str, source: StoredSource, *, document: bytes = b"") -> Event:
        return Event(
            type=kind,
            time_ns=self._now.ns,
            source_id=source.id,
            source_collected_by=_ids(_source_ids, source.collected_by),
            document=document,
            classes=classes_of_document(source.document),
            traceparent=self._now.traceparent,
        )


def _parts(segments: Iterable[StoredSegment]) -> Iterator[Sequence[StoredSegment]]:
    part: list[StoredSegment] = []
    size = 0
    for segment in segments:
        if part and (len(part) == _MAX_SEGMENTS or size + segment.weight > _MAX_SEGMENT_BYTES):
            yield part
            part, size = [], 0
        part.append(segment)
        size += segment.weight
    if part:
        yield part


def _ids(decoder: msgspec.json.Decoder[list[Id]], array: bytes | None) -> list[Id]:
    return decoder.decode(array) if array else []
