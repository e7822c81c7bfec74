"""Turns new segments into stored ones."""

from collections.abc import Sequence

from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.object import MediaObject
from services.metadata.domain.segments.segment import Segment, StoredSegment, documents
from services.shared.timerange import bounds_of


def stored_segments(segments: Sequence[tuple[Segment[ObjectId], MediaObject]]) -> list[StoredSegment]:
    """The rows of new segments, each with the object that it references. Their ranges are bounded."""
    ranges = [segment.timerange for segment, _ in segments]
    return list(
        map(
            StoredSegment,
            *bounds_of(ranges),
            [int(timerange.end_inclusive) for timerange in ranges],
            documents([segment for segment, _ in segments]),
            [item.storage_id for _, item in segments],
            [item.storage_path for _, item in segments],
            [ENCODE(segment.external_urls) if segment.external_urls else None for segment, _ in segments],
            [item.copies for _, item in segments],
        )
    )
