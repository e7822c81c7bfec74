import pytest

from services.metadata.application.pages import PAGE_BYTES, make_page, take_until_full

HALF = PAGE_BYTES // 2


@pytest.mark.parametrize(
    ("weights", "size", "expected"),
    [
        ([], 3, []),
        ([1, 1, 1, 1], 3, [1, 1, 1]),
        ([1, 1, 1], 3, [1, 1, 1]),
        ([HALF, HALF], 3, [HALF, HALF]),
        ([HALF, HALF, 1], 3, [HALF, HALF]),
        ([HALF, HALF + 1, 1], 3, [HALF]),
        ([HALF, PAGE_BYTES + 1], 3, [HALF]),
        ([PAGE_BYTES + 1, 1], 3, [PAGE_BYTES + 1]),
        ([PAGE_BYTES + 1], 3, [PAGE_BYTES + 1]),
    ],
)
def test_a_page_ends_before_it_has_too_many_bytes(weights: list[int], size: int, expected: list[int]) -> None:
    page = make_page(weights, size, "x", lambda row: row, lambda row: row)
    assert page.items == expected
    assert bool(page.next_token) == (len(expected) < len(weights))
    assert page.size == size


@pytest.mark.parametrize(
    ("weights", "read"),
    [([], 0), ([1, 1], 2), ([HALF, HALF, 1, 1], 3), ([PAGE_BYTES + 1, 1, 1], 2), ([PAGE_BYTES + 1], 1)],
)
def test_rows_are_read_only_up_to_the_end_of_the_page(weights: list[int], read: int) -> None:
    rows = list(take_until_full(iter(weights), lambda row: row))
    assert rows == weights[:read]
    whole, early = (make_page(taken, 100, "x", lambda row: row, lambda row: row) for taken in (weights, rows))
    assert early == whole
