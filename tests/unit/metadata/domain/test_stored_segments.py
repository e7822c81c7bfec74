from hypothesis import given
from hypothesis import strategies as st

from services.metadata.domain.segment import StoredSegment
from services.metadata.domain.stored_segments import StoredSegments

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


def test_columns_are_not_taken_apart_again():
    columns = StoredSegments.of([])
    assert StoredSegments.of(columns) is columns
    assert not columns
    assert not StoredSegments()
