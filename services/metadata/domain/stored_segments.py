"""Segments as they come from the tables, one sequence a field."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, overload

from services.metadata.domain.jsons import ENCODE
from services.metadata.domain.object import MediaObject
from services.metadata.domain.segment import Segment, StoredSegment, documents
from services.shared.timerange import NEVER, TimeRange, bounds_of


class Columns(NamedTuple):
    """The fields of StoredSegment, each for all segments."""

    start_ns: Sequence[int] = ()
    end_ns: Sequence[int] = ()
    end_inclusive: Sequence[int] = ()
    document: Sequence[bytes] = ()
    storage_id: Sequence[str | None] = ()
    storage_path: Sequence[str | None] = ()
    external_urls: Sequence[bytes | None] = ()


_NONE: Final = Columns()


class StoredSegments(Sequence[StoredSegment]):
    """Segments whose objects are made when they are asked for.

    Most only pass through on their way into a message, and an object for each would cost as much as
    reading it.
    """

    __slots__ = ("columns",)

    def __init__(self, columns: Columns = _NONE) -> None:
        self.columns = columns

    @classmethod
    def of(cls, segments: Iterable[StoredSegment]) -> "StoredSegments":
        """The same segments in columns."""
        return segments if isinstance(segments, cls) else cls(Columns(*zip(*segments, strict=True)))

    @classmethod
    def new(cls, segments: Sequence[tuple[Segment, MediaObject]]) -> "StoredSegments":
        """New segments and their objects as the tables will hold them; their ranges are bounded."""
        ranges = [segment.timerange for segment, _ in segments]
        return cls(
            Columns(
                *bounds_of(ranges),
                [int(one.end_inclusive) for one in ranges],
                documents([segment for segment, _ in segments]),
                [known.storage_id for _, known in segments],
                [known.storage_path for _, known in segments],
                [ENCODE(segment.external_urls) if segment.external_urls else None for segment, _ in segments],
            )
        )

    @property
    def span(self) -> TimeRange:
        """Smallest range that spans them, whichever way they run; empty when there are none."""
        if not self:
            return NEVER
        start, end, inclusive, *_ = self.columns
        first, last = (0, -1) if start[0] <= start[-1] else (-1, 0)
        return TimeRange(start[first], end[last], bool(inclusive[last]))

    def __len__(self) -> int:
        return len(self.columns.start_ns)

    def __iter__(self) -> Iterator[StoredSegment]:
        return map(StoredSegment, *self.columns)

    @overload
    def __getitem__(self, at: int) -> StoredSegment: ...

    @overload
    def __getitem__(self, at: slice) -> "StoredSegments": ...

    def __getitem__(self, at: int | slice) -> "StoredSegment | StoredSegments":
        if isinstance(at, slice):
            some: Iterator[Any] = (column[at] for column in self.columns)
            return StoredSegments(Columns(*some))
        one: Iterator[Any] = (column[at] for column in self.columns)
        return StoredSegment(*one)
