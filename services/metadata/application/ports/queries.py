"""Arguments and results of the tables' methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.metadata.domain.documents.text_digest import TextDigest
from services.metadata.domain.flows.essence import CollectionItem
from services.metadata.domain.ids import FlowId, ObjectId, SourceId
from services.shared.timerange import TimeRange


@dataclass(frozen=True, kw_only=True)
class SourceFilter:
    """A filter for sources. Members that are None or empty do not filter."""

    label: str | None = None
    format: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tag_exists: Mapping[str, bool] = field(default_factory=dict)
    # Digests of further texts. They are replaced by the texts before the tables get the filter.
    label_digest: TextDigest | None = None
    tag_digests: Mapping[str, TextDigest] = field(default_factory=dict)
    # Only what has one of these classes; nothing if the set is empty.
    classes: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class FlowFilter:
    """A filter for flows. Members that are None or empty do not filter. Frame sizes are in pixels."""

    source_id: str | None = None
    timerange: TimeRange | None = None
    format: str | None = None
    codec: str | None = None
    label: str | None = None
    frame_width: int | None = None
    frame_height: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tag_exists: Mapping[str, bool] = field(default_factory=dict)
    # Digests of further texts. They are replaced by the texts before the tables get the filter.
    label_digest: TextDigest | None = None
    tag_digests: Mapping[str, TextDigest] = field(default_factory=dict)
    # Only what has one of these classes; nothing if the set is empty.
    classes: frozenset[str] | None = None


class TaggedFlow(NamedTuple):
    """A flow with a tag: the value of the tag, and the extent of its segments in nanoseconds."""

    id: FlowId
    value: str
    read_only: bool
    start_ns: int | None
    end_ns: int | None


class SegmentQuery(NamedTuple):
    """A query for segments that overlap a range, only those of one object if its id is given.

    `after` is the start in nanoseconds of the last segment of the previous page; None for the first page.
    """

    flow_id: FlowId
    timerange: TimeRange
    object_id: str | None = None
    reverse: bool = False
    after: int | None = None


class Removed(NamedTuple):
    """Deleted segments: their number, the range that spans them, and the ids of their objects.

    `has_more` is True if the limit left segments to delete.
    """

    segments: int
    span: TimeRange
    objects: frozenset[ObjectId]
    has_more: bool = False

    def join(self, later: "Removed") -> "Removed":
        """These segments together with later ones on the timeline."""
        if not self.segments or not later.segments:
            return later if later.segments else self
        span = TimeRange(self.span.start, later.span.end, later.span.end_inclusive)
        return Removed(self.segments + later.segments, span, self.objects | later.objects, later.has_more)


class Collector(NamedTuple):
    """A stored flow whose collection changes: its new collection, and its new document."""

    id: FlowId
    source_id: SourceId
    collection: Sequence[CollectionItem]
    document: bytes


class Link(NamedTuple):
    """A source that collects another one in a role, because a flow of it collects one of the other."""

    owner: SourceId
    member: SourceId
    role: str


class ServiceInfo(NamedTuple):
    """The name and description that the operator gave to this store."""

    name: str | None = None
    description: str | None = None
