"""Events: what changed, with the facts that subscribers filter by (TAMS 7.0, webhooks; ADR 0026)."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from services.metadata.domain.segment import StoredSegment

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
    """One change. The collecting ids are those at the time of the change: a deletion erases them.

    Source events have no flow. `id` is 0 until the outbox gave one; `time_ns` counts from 1970.
    """

    type: str
    time_ns: int
    source_id: str
    source_collected_by: Sequence[str] = ()
    flow_id: str | None = None
    flow_collected_by: Sequence[str] = ()
    document: bytes = b""
    segments: Sequence[StoredSegment] = ()
    span: tuple[int, int, bool] | None = None
    id: int = 0

    @property
    def weight(self) -> int:
        """Bytes of what it tells, about."""
        return len(self.document) + sum(segment.weight for segment in self.segments)

    @property
    def key(self) -> str:
        """The flow, or the source if there is none: events of one key are delivered in order."""
        return self.flow_id or self.source_id
