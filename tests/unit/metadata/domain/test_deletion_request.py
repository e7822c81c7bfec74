"""The parts that a deletion deletes, while segments are registered in its range."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.domain.deletion_request import MAX_SPARED, Deletion, Status
from services.shared.errors import Conflict
from services.shared.timerange import NEVER, TimeRange
from tests.support.metadata.flows import flow_id

DELETION = Deletion(
    id="d",
    flow_id=flow_id(1),
    timeline=1,
    requested=TimeRange(),
    remaining=TimeRange(0, 100, True),
    object_id=None,
    delete_flow=False,
    status=Status.CREATED,
    created_ms=0,
    updated_ms=0,
)
Bounds = tuple[int, int]
RANGES = st.tuples(st.integers(-5, 105), st.integers(1, 9)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def bounds(timerange: TimeRange) -> Bounds:
    assert timerange.start is not None
    assert timerange.end is not None
    return timerange.start, timerange.end


def test_a_deletion_without_new_segments_continues_after_each_slice() -> None:
    assert DELETION.next_part == DELETION.remaining
    assert DELETION.advance_to(40).remaining == TimeRange(40, 100, True)
    assert DELETION.advance_to(100).remaining == NEVER == DELETION.advance_to(None).remaining


def test_new_segments_divide_the_remaining_range() -> None:
    spared = DELETION.spare([(60, 65), (20, 30), (30, 40)])
    assert spared.spared == ((20, 40), (60, 65))
    assert spared.next_part == TimeRange(0, 20)
    first = spared.advance_to(None)
    assert (first.remaining, first.next_part) == (TimeRange(40, 100, True), TimeRange(40, 60))
    assert first.advance_to(60).remaining == TimeRange(65, 100, True)
    assert first.advance_to(None).advance_to(None).remaining == NEVER


def test_segments_outside_of_the_remaining_range_are_not_spared() -> None:
    under_way = DELETION.advance_to(50)
    assert under_way.spare([(10, 50), (100, 110)]) is under_way


@given(st.lists(RANGES), st.lists(st.one_of(RANGES, st.integers(1, 30), st.none()), max_size=30))
def test_parts_cover_exactly_the_range_that_is_not_spared(
    first: list[Bounds], steps: list[Bounds | int | None]
) -> None:
    registered: set[int] = set()
    deleted: set[int] = set()
    deletion = DELETION
    all_steps: list[list[Bounds] | Bounds | int | None] = [first, *steps, *[None] * 80]
    for step in all_steps:
        if deletion.remaining.empty:
            break
        if isinstance(step, list | tuple):
            ranges = step if isinstance(step, list) else [step]
            deletion = deletion.spare(ranges)
            low, high = bounds(deletion.remaining)
            registered |= {
                instant for spared in ranges for instant in range(*spared) if low <= instant < high
            }
            continue
        start, end = bounds(deletion.next_part)
        up_to = None if step is None else min(start + step, end)
        deleted |= set(range(start, end if up_to is None else up_to))
        deletion = deletion.advance_to(up_to)
    assert deletion.remaining.empty
    assert not deleted & registered
    assert deleted | registered == set(range(100))


def test_the_number_of_spared_ranges_is_bounded() -> None:
    large = msgspec.structs.replace(DELETION, remaining=TimeRange(0, 10 * MAX_SPARED))
    full = large.spare((10 * number + 1, 10 * number + 2) for number in range(MAX_SPARED))
    assert full.spare([(2, 3)]).spared[0] == (1, 3)
    with pytest.raises(Conflict) as caught:
        full.spare([(5, 6)])
    assert caught.value.reason == "RANGE_BEING_DELETED"


def test_records_are_stored_with_their_former_names() -> None:
    stored = msgspec.to_builtins(DELETION)
    assert (stored["row"], stored["whole"]) == (1, msgspec.to_builtins(DELETION.requested))
    assert msgspec.convert(stored, Deletion) == DELETION
