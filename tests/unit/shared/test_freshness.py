import pytest

from services.shared.freshness import MAX_LISTED, NotBefore, RecentRows, row_key

A, B, C = (bytes([number]) * 8 for number in (1, 2, 3))


def test_recent_rows_survive_their_encoding() -> None:
    recent = RecentRows.of(A, 1001, 0.25, {"x", "y"})
    assert RecentRows.from_bytes(recent.to_bytes()) == RecentRows(A, 1001, 250_000, recent.rows)
    assert recent.rows == frozenset(map(row_key, ("x", "y")))


def test_too_many_recent_rows_to_list_become_all_rows() -> None:
    recent = RecentRows.of(A, 1001, 0, {str(number) for number in range(MAX_LISTED + 1)})
    assert RecentRows.from_bytes(recent.to_bytes()) == RecentRows(A, 1001, 0, None)


@pytest.mark.parametrize("data", [b"", b"short", b"\0" * 21])
def test_malformed_recent_rows_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="malformed"):
        RecentRows.from_bytes(data)


def test_ages_are_subtracted_from_the_time_of_arrival() -> None:
    not_before = NotBefore.parse(f"{A.hex()} 500000 2000000", 100.0)
    assert (not_before.limit(A), not_before.limit(B)) == (98.0, 99.5)


def test_the_only_process_with_recent_rows_has_no_limit() -> None:
    assert NotBefore.parse(f"{A.hex()} 500000 -", 100.0).limit(A) == 0.0


@pytest.mark.parametrize("text", ["", "x", "zz 1 2", f"{A.hex()} one 2", f"{A.hex()} 1"])
def test_malformed_ages_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each malformed part has its own message
        NotBefore.parse(text, 100.0)
