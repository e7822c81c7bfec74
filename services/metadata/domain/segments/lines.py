"""Segments as lines of text, the form in which they are sent."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from services.metadata.domain.ids import StorageId
from services.metadata.domain.objects.copies import CopyPlace, decoded_places
from services.metadata.domain.segments.segment import StoredSegment
from services.shared.timerange import NEVER, TimeRange
from services.shared.url_paths import url_lines


class CopyLines(NamedTuple):
    """Copies of the objects of some segments on one storage backend."""

    storage_id: StorageId
    # The indexes of the segments, ascending; empty for all segments.
    indexes: tuple[int, ...]
    # The paths of the copies as in SegmentLines, one line for each index.
    url_paths: bytes

    @classmethod
    def of(cls, places: Sequence[Sequence[CopyPlace]]) -> "tuple[CopyLines, ...]":
        """The copies by backend; `places` has those of each segment."""
        found: dict[StorageId, dict[int, str]] = defaultdict(dict)
        for index, of_segment in enumerate(places):
            for storage_id, path in of_segment:
                found[storage_id][index] = path
        return tuple(
            [
                cls(
                    storage_id,
                    () if len(paths) == len(places) else tuple(paths),
                    url_lines([*paths.values()]),
                )
                for storage_id, paths in found.items()
            ]
        )


class SegmentLines(NamedTuple):
    """Segments in order of time, ascending or descending.

    Each segment has one line in `documents` and one in `url_paths`. A line feed ends every line.
    """

    # The smallest range that spans the segments.
    span: TimeRange = NEVER
    documents: bytes = b""
    # The storage backend of each segment, or a single one if all have the same.
    storage_ids: tuple[StorageId | None, ...] = ()
    # The path of each object, percent-encoded for a URL; empty for an object outside this store.
    url_paths: bytes = b""
    # Pairs of the index of a segment and its external URLs in JSON, for the segments that have some.
    external_urls: tuple[tuple[int, bytes], ...] = ()
    # The start of the last segment in nanoseconds if more segments follow, else None.
    after: int | None = None
    copies: tuple[CopyLines, ...] = ()

    @classmethod
    def of(cls, segments: Sequence[StoredSegment], *, has_more: bool = False) -> "SegmentLines":
        """The lines of the segments, which are in order of time, either way."""
        if not segments:
            return cls()
        first, last = segments[0], segments[-1]
        if first.start_ns > last.start_ns:
            first, last = last, first
        storage_ids = tuple([segment.storage_id for segment in segments])
        return cls(
            TimeRange(first.start_ns, last.end_ns, bool(last.end_inclusive)),
            b"".join([b"%b\n" % segment.document for segment in segments]),
            storage_ids[:1] if len(set(storage_ids)) == 1 else storage_ids,
            url_lines([segment.storage_path or "" for segment in segments]),
            tuple(
                [(i, segment.external_urls) for i, segment in enumerate(segments) if segment.external_urls]
            ),
            segments[-1].start_ns if has_more else None,
            CopyLines.of([decoded_places(segment.copies) for segment in segments])
            if any(segment.copies for segment in segments)
            else (),
        )
