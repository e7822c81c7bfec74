"""Deletion requests: deletions that take longer than their call (TAMS 7.0 deletion-request.json)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.metadata.domain.ids import FlowId
from services.shared.errors import Conflict
from services.shared.timerange import NEVER, TimeRange

# Ranges that one deletion can spare: those in which segments were registered while it was open.
MAX_SPARED: Final = 1000


class Status(StrEnum):
    """The state of a deletion."""

    CREATED = "created"
    STARTED = "started"
    DONE = "done"
    ERROR = "error"


# Records that are stored have the older names.
class Deletion(Struct, frozen=True, rename={"timeline": "row", "requested": "whole"}):
    """A deletion that continues in the background. Times are milliseconds since 1970.

    `timeline` is the key of the flow's segments (StoredFlow.timeline). They outlive a deleted flow, whose id
    can be used for a new flow at once.

    `requested` is the range to delete, and `remaining` what is left of it. `remaining` ends where the flow
    ended when the request was made. `spared` has the parts of `remaining` in which segments were registered
    later, as (start, end) in nanoseconds, ascending. Segments never overlap, so these parts were empty when
    the request was made, and all segments in the other parts are to be deleted.
    """

    id: str
    flow_id: FlowId
    timeline: int
    requested: TimeRange
    remaining: TimeRange
    object_id: str | None
    delete_flow: bool
    status: Status
    created_ms: int
    updated_ms: int
    expiry_ms: int | None = None
    error: str | None = None
    spared: tuple[tuple[int, int], ...] = ()
    # The timeline that gets the segments; None if they are deleted for good.
    trash: int | None = None
    # The caller who made the request; None in a store without access control.
    created_by: str | None = None

    @property
    def next_part(self) -> TimeRange:
        """The range to delete next: the remaining range up to the first spared part."""
        if not self.spared:
            return self.remaining
        return TimeRange(self.remaining.start, self.spared[0][0])

    def advance_to(self, end_ns: int | None) -> "Deletion":
        """The deletion after all segments up to `end_ns` are deleted; None: all segments of the next part."""
        if end_ns is None and not self.spared:
            return replace(self, remaining=NEVER)
        start = self.spared[0][1] if end_ns is None else end_ns
        spared = list(self.spared)
        while spared and spared[0][0] <= start:
            start = max(start, spared.pop(0)[1])
        remaining = TimeRange(start, self.remaining.end, self.remaining.end_inclusive)
        return replace(self, remaining=NEVER if remaining.empty else remaining, spared=tuple(spared))

    def spare(self, ranges: Iterable[tuple[int, int]]) -> "Deletion":
        """The deletion after segments are registered in the ranges, each (start, end) in nanoseconds.

        Conflict RANGE_BEING_DELETED if it would have to spare more than MAX_SPARED parts.
        """
        overlapping = [bounds for bounds in ranges if self.remaining.overlaps(TimeRange(*bounds))]
        if not overlapping:
            return self
        spared = _merge([*self.spared, *overlapping])
        if len(spared) > MAX_SPARED:
            raise Conflict(
                f"deletion request {self.id} is deleting this range; try again when it is done",
                reason="RANGE_BEING_DELETED",
            )
        return replace(self, spared=tuple(spared))


def _merge(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges in order; ranges that overlap or touch become one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
