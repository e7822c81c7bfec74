"""Events: changes, with the members that subscribers filter by (TAMS 7.0, webhooks; ADR 0026)."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.segments.segment import StoredSegment

FLOW_CREATED: Final = "flows/created"
FLOW_UPDATED: Final = "flows/updated"
FLOW_DELETED: Final = "flows/deleted"
SEGMENTS_ADDED: Final = "flows/segments_added"
SEGMENTS_DELETED: Final = "flows/segments_deleted"
SOURCE_CREATED: Final = "sources/created"
SOURCE_UPDATED: Final = "sources/updated"
SOURCE_DELETED: Final = "sources/deleted"

EVENT_TYPES: Final = frozenset(
    {FLOW_CREATED, FLOW_UPDATED, FLOW_DELETED, SEGMENTS_ADDED, SEGMENTS_DELETED,
     SOURCE_CREATED, SOURCE_UPDATED, SOURCE_DELETED}
)  # fmt: skip


class Event(Struct, frozen=True, omit_defaults=True):
    """A change of a flow, its segments, or a source. Events of sources have no flow id.

    The `..._collected_by` ids are those at the time of the change, because a deletion removes them.
    `time_ns` is in nanoseconds since 1970. `span` is the range of deleted segments: start and end in
    nanoseconds, and True if the end is inclusive. `id` is 0 until the event is in the outbox. `classes` are
    those of the flow or source after the change. `traceparent` is the operation that made the change, if its
    trace is recorded (docs/decisions/telemetry.md), and else empty.
    """

    type: str
    time_ns: int
    source_id: SourceId
    source_collected_by: Sequence[SourceId] = ()
    flow_id: FlowId | None = None
    flow_collected_by: Sequence[FlowId] = ()
    document: bytes = b""
    segments: Sequence[StoredSegment] = ()
    span: tuple[int, int, bool] | None = None
    id: int = 0
    classes: frozenset[str] = frozenset()
    traceparent: str = ""

    @property
    def weight(self) -> int:
        """The approximate number of bytes of its document and segments."""
        return len(self.document) + sum(segment.weight for segment in self.segments)

    @property
    def key(self) -> FlowId | SourceId:
        """The id of the flow, or else of the source. Events of one key are delivered in order."""
        return self.flow_id or self.source_id
