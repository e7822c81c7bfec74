import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import ROW_ID, Row
from services.vast_client.filters.filters import EVERYTHING, Equal

Step = tuple[str, int, int]
COMMITTED = 5
STEPS = st.lists(
    st.tuples(st.sampled_from(["insert", "update", "delete", "lock"]), st.integers(0, 9), st.integers(0, 3)),
    max_size=12,
)


@pytest.fixture
def changes() -> Changes:
    return Changes()


def committed() -> list[Row]:
    return [{"id": number, "value": 0, ROW_ID: number} for number in range(COMMITTED)]


def state(changes: Changes) -> Any:
    tables = {
        name: (table.inserted, table.updated, table.columns, table.deleted)
        for name, table in changes.tables.items()
        if table.inserted or table.updated or table.columns or table.deleted
    }
    return copy.deepcopy((tables, changes.locks, bool(changes)))


def visible_rows(changes: Changes) -> list[Row]:
    return sorted(changes.of("t").over(committed(), EVERYTHING), key=lambda row: row["id"])


def apply(changes: Changes, model: dict[int, int], step: Step) -> None:
    """Apply a step as a rule does: only to rows that it sees."""
    kind, number, value = step
    if kind == "lock":
        changes.lock([str(number)])
        return
    rows = [row for row in visible_rows(changes) if row["id"] == number]
    if kind == "insert" and not rows:
        changes.insert("t", [{"id": number, "value": value}])
        model[number] = value
    elif kind == "update" and rows:
        changes.update("t", rows[0], {"value": value})
        model[number] = value
    elif kind == "delete" and rows:
        changes.delete("t", rows[0])
        del model[number]


@given(STEPS, STEPS)
def test_going_back_to_a_mark_undoes_exactly_the_later_changes(
    before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]
) -> None:
    changes, model = Changes(), dict.fromkeys(range(COMMITTED), 0)
    for step in before:
        apply(changes, model, step)
    mark, state_at_mark = changes.mark(), state(changes)
    for step in after:
        apply(changes, model, step)
    changes.back_to(mark)
    assert state(changes) == state_at_mark


@given(STEPS)
def test_going_back_to_the_start_leaves_no_change(steps: list[tuple[str, int, int]]) -> None:
    changes, model = Changes(), dict.fromkeys(range(COMMITTED), 0)
    mark = changes.mark()
    for step in steps:
        apply(changes, model, step)
    changes.back_to(mark)
    assert not changes
    assert state(changes) == ({}, set(), False)


@given(STEPS)
def test_a_transaction_sees_its_own_changes(steps: list[tuple[str, int, int]]) -> None:
    changes, model = Changes(), dict.fromkeys(range(COMMITTED), 0)
    for step in steps:
        apply(changes, model, step)
        assert {row["id"]: row["value"] for row in visible_rows(changes)} == model
        assert len(visible_rows(changes)) == len(model)


@given(STEPS)
def test_a_committed_row_is_changed_or_removed_but_not_both(steps: list[tuple[str, int, int]]) -> None:
    changes, model = Changes(), dict.fromkeys(range(COMMITTED), 0)
    for step in steps:
        apply(changes, model, step)
    table = changes.of("t")
    assert table.updated.keys() == table.columns.keys()
    assert not table.updated.keys() & table.deleted.keys()
    assert all(number < 0 for number in table.inserted)
    assert all(number >= 0 for number in (*table.updated, *table.deleted))


def test_a_filter_applies_to_changed_rows(changes: Changes) -> None:
    first, second, *_ = committed()
    changes.update("t", first, {"value": 1})
    changes.insert("t", [{"id": 9, "value": 1}])
    table = changes.of("t")
    assert [row["id"] for row in table.over([first, second], Equal("value", 0))] == [1]
    # The first row did not pass as committed, so the query did not return it.
    assert [row["id"] for row in table.over([], Equal("value", 1))] == [0, 9]


def test_an_update_adds_to_the_columns_of_an_earlier_update(changes: Changes) -> None:
    (first, *_) = committed()
    changes.update("t", first, {"value": 1})
    changes.update("t", changes.of("t").updated[0], {"id": 7})
    assert changes.of("t").updated == {0: {"id": 7, "value": 1, ROW_ID: 0}}
    assert changes.of("t").columns == {0: {"id", "value"}}


def test_an_update_of_a_new_row_is_part_of_its_insert(changes: Changes) -> None:
    changes.insert("t", [{"id": 9, "value": 0}])
    ((number, row),) = changes.of("t").inserted.items()
    changes.update("t", row, {"value": 1})
    assert changes.of("t").inserted == {number: {"id": 9, "value": 1, ROW_ID: number}}
    assert not changes.of("t").updated


def test_a_new_row_that_is_removed_leaves_no_change(changes: Changes) -> None:
    changes.insert("t", [{"id": 9, "value": 0}])
    (row,) = changes.of("t").inserted.values()
    changes.delete("t", row)
    table = changes.of("t")
    assert (table.inserted, table.deleted) == ({}, {})


def test_numbers_of_new_rows_are_never_used_twice(changes: Changes) -> None:
    mark = changes.mark()
    changes.insert("t", [{"id": 1}, {"id": 2}])
    before = set(changes.of("t").inserted)
    changes.back_to(mark)
    changes.insert("t", [{"id": 3}])
    assert not before & set(changes.of("t").inserted)


def test_a_lock_from_before_the_mark_is_kept(changes: Changes) -> None:
    changes.lock(["key"])
    mark = changes.mark()
    changes.lock(["key"])
    changes.lock(["other"])
    changes.back_to(mark)
    assert changes.locks == {"key"}


def test_own_rows_are_found_by_the_value_of_a_column(changes: Changes) -> None:
    first, second, third, *_ = committed()
    changes.update("t", first, {"value": 1})
    changes.delete("t", second)
    changes.insert("t", [{"id": 9, "value": 1}])
    assert [row["id"] for row in changes.of("t").own("value", 1)] == [0, 9]
    mark = changes.mark()
    changes.update("t", changes.of("t").own("value", 1)[1], {"value": 2})
    changes.insert("t", [{"id": 8, "value": 2}])
    changes.update("t", first, {"value": 2})
    assert [[row["id"] for row in changes.of("t").own("value", value)] for value in (1, 2)] == [[], [0, 9, 8]]
    changes.back_to(mark)
    assert [[row["id"] for row in changes.of("t").own("value", value)] for value in (1, 2)] == [[0, 9], []]
    assert changes.of("t").left_of([first, second, third]) == [third]


@pytest.mark.parametrize(
    "change",
    [
        lambda changes: changes.insert("t", [{"id": 1}]),
        lambda changes: changes.update("t", committed()[0], {"value": 0}),
        lambda changes: changes.delete("t", committed()[0]),
        lambda changes: changes.lock(["key"]),
    ],
    ids=["insert", "update", "delete", "lock"],
)
def test_each_kind_of_change_counts_even_without_a_new_value(
    changes: Changes, change: Callable[[Changes], None]
) -> None:
    assert not changes
    change(changes)
    assert changes
