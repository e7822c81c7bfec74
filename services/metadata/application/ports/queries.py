"""What listings and deletions are asked and answer with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from services.shared.timerange import TimeRange


@dataclass(frozen=True, kw_only=True)
class SourceFilter:
    """Which sources to list; None and empty do not filter."""

    label: str | None = None
    format: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tag_exists: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FlowFilter:
    """Which flows to list; None and empty do not filter."""

    source_id: str | None = None
    timerange: TimeRange | None = None
    format: str | None = None
    codec: str | None = None
    label: str | None = None
    frame_width: int | None = None
    frame_height: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tag_exists: Mapping[str, bool] = field(default_factory=dict)


class SegmentQuery(NamedTuple):
    """Which segments to list. `after` is the start of the last segment of the previous page."""

    flow_id: str
    timerange: TimeRange
    object_id: str | None = None
    reverse: bool = False
    after: int | None = None


class Removed(NamedTuple):
    """Segments that were deleted: how many, the range that spans them, the objects they referenced."""

    segments: int
    span: TimeRange
    objects: frozenset[str]

    def then(self, later: "Removed") -> "Removed":
        """These and the ones that followed them on the timeline."""
        if not self.segments or not later.segments:
            return later if later.segments else self
        span = TimeRange(self.span.start, later.span.end, later.span.end_inclusive)
        return Removed(self.segments + later.segments, span, self.objects | later.objects)


class ServiceInfo(NamedTuple):
    """What the operator calls this store."""

    name: str | None = None
    description: str | None = None
