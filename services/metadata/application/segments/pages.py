"""Pages of segments."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from services.metadata.application.pages import count_fitting
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.domain.segments.segment import StoredSegment

_weight: Final = attrgetter("weight")


def lines_page(rows: Sequence[StoredSegment], size: int) -> SegmentLines:
    """The page with the first `size` rows as text, or fewer if these exceed PAGE_BYTES.

    `rows` has one row more than `size` if another page follows.
    """
    # Segments without external URLs are small, so a page of them is never too large.
    may_be_large = any(segment.external_urls for segment in rows)
    count = min(size, count_fitting(rows, _weight)) if may_be_large else size
    return SegmentLines.of(rows[:count], has_more=len(rows) > count)
