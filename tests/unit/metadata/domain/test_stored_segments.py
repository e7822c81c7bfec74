import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.domain.object import MediaObject, State
from services.metadata.domain.segment import ExternalUrl, Segment, StoredSegment, document
from services.metadata.domain.stored_segments import StoredSegments
from services.shared.errors import InvalidArgument
from services.shared.timerange import NEVER, TimeRange

numbers = st.integers(-(2**63), 2**63 - 1)
segments = st.builds(
    StoredSegment,
    numbers,
    numbers,
    st.integers(0, 1),
    st.binary(),
    st.none() | st.text(),
    st.none() | st.text(),
    st.none() | st.binary(),
)
lists = st.lists(segments)


@given(lists, st.integers(-4, 4), st.integers(-4, 4))
def test_columns_are_read_like_the_list_they_were_made_of(rows, start, stop):
    columns = StoredSegments.of(rows)
    assert list(columns) == rows
    assert len(columns) == len(rows)
    assert [columns[at] for at in range(-len(rows), len(rows))] == rows + rows
    assert list(columns[start:stop]) == rows[start:stop]


@given(lists)
def test_columns_are_the_fields_of_all(rows):
    columns = StoredSegments.of(rows).columns
    assert list(columns.document) == [one.document for one in rows]
    assert columns._fields == StoredSegment._fields


@pytest.mark.parametrize("way", [1, -1])
def test_the_span_is_the_same_whichever_way_they_run(way):
    rows = [StoredSegment(at, at + 5, at // 20, b"", None, None, None) for at in (0, 10, 20)]
    assert StoredSegments.of(rows[::way]).span == TimeRange(0, 25, end_inclusive=True)
    assert StoredSegments.of(rows[:1]).span == TimeRange(0, 5)
    assert StoredSegments().span == NEVER


def test_columns_are_not_taken_apart_again():
    columns = StoredSegments.of([])
    assert StoredSegments.of(columns) is columns
    assert not columns
    assert not StoredSegments()


def test_new_segments_are_stored_with_the_place_of_their_object():
    inside = MediaObject("a", "storage", "path/a", State.ALLOCATED)
    outside = MediaObject("b", None, None, State.REGISTERED)
    new = [
        (Segment("a", TimeRange(0, 5)), inside),
        (Segment("b", TimeRange(5, 8, True), external_urls=[ExternalUrl("https://b")]), outside),
    ]
    assert list(StoredSegments.new(new)) == [
        StoredSegment(0, 5, 0, document(new[0][0]), "storage", "path/a", None),
        StoredSegment(5, 8, 1, document(new[1][0]), None, None, b'[{"url":"https://b"}]'),
    ]


def test_new_segments_are_bounded():
    with pytest.raises(InvalidArgument):
        StoredSegments.new([(Segment("a", TimeRange(0)), MediaObject("a", None, None, State.REGISTERED))])
