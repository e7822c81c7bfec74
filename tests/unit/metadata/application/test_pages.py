import pytest

from services.metadata.application.pages import PAGE_BYTES, cut, enough

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
def test_a_page_ends_before_it_is_too_heavy(weights: list[int], size: int, expected: list[int]) -> None:
    page = cut(weights, size, "x", lambda row: row, lambda row: row)
    assert page.items == expected
    assert bool(page.next_token) == (len(expected) < len(weights))
    assert page.size == size


@pytest.mark.parametrize(
    ("weights", "read"),
    [([], 0), ([1, 1], 2), ([HALF, HALF, 1, 1], 3), ([PAGE_BYTES + 1, 1, 1], 2), ([PAGE_BYTES + 1], 1)],
)
def test_no_more_is_read_than_tells_where_a_page_ends(weights: list[int], read: int) -> None:
    rows = list(enough(iter(weights), lambda row: row))
    assert rows == weights[:read]
    whole, early = (cut(some, 100, "x", lambda row: row, lambda row: row) for some in (weights, rows))
    assert early == whole
