"""Events of changes, written in the transaction of the change.

Nothing is written while there is no subscriber: a new one only gets what follows its registration.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from services.metadata.application.ports import Tables
from services.metadata.domain import event as events
from services.metadata.domain.event import Event
from services.metadata.domain.flow import StoredFlow, served_document
from services.metadata.domain.segment import StoredSegment
from services.metadata.domain.source import StoredSource
from services.metadata.domain.source import served_document as served_source
from services.shared.timerange import TimeRange

# Most segments in one event, and bytes of them unless it is one alone: some 100 kB of JSON with their URLs.
_SEGMENTS: Final = 200
_SEGMENTS_BYTES: Final = 64 * 1024


class Outbox:
    """Records the events of one change, committed at one time (nanoseconds since 1970)."""

    def __init__(self, tables: Tables, time_ns: int) -> None:
        self._tables = tables
        self._time_ns = time_ns
        self.wanted = tables.webhooks.some()

    def flow(self, kind: str, flow_id: str) -> None:
        """flows/created or flows/updated, with the flow as it is now."""
        flow = self._tables.flows.get(flow_id) if self.wanted else None
        if flow is not None:
            self._append(self._of_flow(kind, flow, document=served_document(flow)))

    def flow_deleted(self, flow: StoredFlow) -> None:
        """flows/deleted, before the collections forget the flow."""
        if self.wanted:
            self._append(self._of_flow(events.FLOW_DELETED, flow))

    def segments_added(self, flow: StoredFlow, segments: Sequence[StoredSegment]) -> None:
        """flows/segments_added, in parts that are quick to send."""
        if self.wanted:
            for part in _parts(segments):
                self._append(self._of_flow(events.SEGMENTS_ADDED, flow, segments=part))

    def segments_deleted(self, flow: StoredFlow, span: TimeRange) -> None:
        """flows/segments_deleted, with a span that starts and ends inside deleted segments."""
        if self.wanted and span.start is not None and span.end is not None and not span.empty:
            self._append(
                self._of_flow(events.SEGMENTS_DELETED, flow, span=(span.start, span.end, span.end_inclusive))
            )

    def source(self, kind: str, source: StoredSource) -> None:
        """sources/created or sources/updated."""
        if self.wanted:
            self._append(self._of_source(kind, source, document=served_source(source)))

    def source_deleted(self, source: StoredSource) -> None:
        """sources/deleted, before the collections forget the source."""
        if self.wanted:
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
            time_ns=self._time_ns,
            source_id=flow.source_id,
            source_collected_by=_ids(source.collected_by if source else None),
            flow_id=flow.id,
            flow_collected_by=_ids(flow.collected_by),
            document=document,
            segments=segments,
            span=span,
        )

    def _of_source(self, kind: str, source: StoredSource, *, document: bytes = b"") -> Event:
        return Event(
            type=kind,
            time_ns=self._time_ns,
            source_id=source.id,
            source_collected_by=_ids(source.collected_by),
            document=document,
        )


def _parts(segments: Iterable[StoredSegment]) -> Iterator[Sequence[StoredSegment]]:
    part: list[StoredSegment] = []
    held = 0
    for segment in segments:
        if part and (len(part) == _SEGMENTS or held + segment.weight > _SEGMENTS_BYTES):
            yield part
            part, held = [], 0
        part.append(segment)
        held += segment.weight
    if part:
        yield part


def _ids(array: bytes | None) -> list[str]:
    return msgspec.json.decode(array, type=list[str]) if array else []
