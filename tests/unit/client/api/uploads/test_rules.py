import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.api.uploads.rules import MAX_PART_BYTES, MAX_PARTS, MIB, Meter, UploadRules


@given(st.integers(0, MAX_PARTS * MAX_PART_BYTES), st.integers(5 * MIB, MAX_PART_BYTES))
def test_a_file_of_any_size_has_at_most_ten_thousand_parts(size: int, wanted: int) -> None:
    part = UploadRules(part_bytes=wanted).part_size(size)
    assert wanted <= part <= MAX_PART_BYTES
    assert -(-size // part) <= MAX_PARTS


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        UploadRules().part_size(MAX_PARTS * MAX_PART_BYTES + 1)


@pytest.mark.parametrize(
    "rule", [{"part_bytes": 5 * MIB - 1}, {"part_bytes": MAX_PART_BYTES + 1}, {"parallel": 0}]
)
def test_impossible_rules_are_refused(rule: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"parts have|at least one part"):
        UploadRules(**rule)  # type: ignore[arg-type]


def test_a_repeated_part_counts_once() -> None:
    seen: list[tuple[int, int]] = []
    meter = Meter(10, lambda sent, total: seen.append((sent, total)))
    first, second = meter.sent(1), meter.sent(2)
    first(4)
    second(5)
    first(0)
    first(5)
    assert seen == [(4, 10), (9, 10), (5, 10), (10, 10)]
