"""Pages of segments, in either form."""

from typing import Final

from services.metadata.application.pages import Page, cut
from services.metadata.domain.segment import StoredSegment
from services.metadata.domain.segment_lines import SegmentLines
from services.metadata.domain.stored_segments import StoredSegments

LISTING: Final = "segments"


def rows_page(rows: StoredSegments, size: int) -> Page[StoredSegment]:
    """The page in segments that were fetched with one more than the size."""
    # Without URLs of their own segments are small, so that no page is too heavy.
    heavy = any(rows.columns.external_urls)
    return cut(rows, size, LISTING, lambda segment: segment.start_ns, _weight if heavy else None)


def lines_page(rows: StoredSegments, size: int) -> SegmentLines:
    """The same page as text."""
    page = rows_page(rows, size)
    return SegmentLines.of(StoredSegments.of(page.items), more=bool(page.next_token))


def _weight(segment: StoredSegment) -> int:
    return segment.weight
