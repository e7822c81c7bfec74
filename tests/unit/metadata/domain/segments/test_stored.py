import pytest

from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.objects.object import State
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.domain.segments.segment import StoredSegment, documents
from services.metadata.domain.segments.stored import stored_segments
from services.shared.errors import InvalidArgument
from services.shared.timerange import NEVER, TimeRange
from tests.support.metadata.rules import STORAGE, a_segment, a_stored_object


@pytest.mark.parametrize("step", [1, -1])
def test_the_span_is_the_same_in_either_order(step: int) -> None:
    rows = [StoredSegment(start, start + 5, start // 20, b"", None, None, None) for start in (0, 10, 20)]
    assert SegmentLines.of(rows[::step]).span == TimeRange(0, 25, end_inclusive=True)
    assert SegmentLines.of(rows[:1]).span == TimeRange(0, 5)
    assert SegmentLines.of([]).span == NEVER


@pytest.mark.parametrize("step", [1, -1])
def test_the_next_page_begins_after_the_last_segment(step: int) -> None:
    rows = [StoredSegment(start, start + 5, 0, b"", None, None, None) for start in (0, 10, 20)][::step]
    assert SegmentLines.of(rows, has_more=True).after == rows[-1].start_ns
    assert SegmentLines.of(rows).after is None


def test_new_segments_are_stored_with_the_storage_of_their_object() -> None:
    allocated = a_stored_object("a", "path/a", State.ALLOCATED)
    external = a_stored_object("b", None)
    new = [
        (a_segment(0, 5, "a", external_urls=()), allocated),
        (a_segment(5, 8, "b", inclusive=True, external_urls=[ExternalUrl("https://b")]), external),
    ]
    first, second = documents([segment for segment, _ in new])
    assert stored_segments(new) == [
        StoredSegment(0, 5, 0, first, STORAGE, "path/a", None),
        StoredSegment(5, 8, 1, second, None, None, b'[{"url":"https://b"}]'),
    ]


def test_an_unbounded_new_segment_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        stored_segments([(a_segment(0, 1)._replace(timerange=TimeRange(0)), a_stored_object("o", None))])
