import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.domain.flows.loop import MAX_HOURS, TAG, expired, hours_in, parse_hours
from services.shared.errors import InvalidArgument
from services.shared.timerange import MAX_NS, MIN_NS, NS, TimeRange

HOUR = 3600 * NS
BAD = [
    "", "0", "0.000", "-1", "+1", "1h", "PT24H", "1e3", "nan", "inf", " 24", "24 ", "24\n", "1,5", "024",
    "1.", ".5", "0.0001", "٢٤", f"{MAX_HOURS}.001", "9999999", "1" * 400,
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        ("24", 24 * HOUR),
        ("0.5", HOUR // 2),
        ("0.001", 3_600_000_000),
        ("1.25", 5 * HOUR // 4),
        (str(MAX_HOURS), MAX_HOURS * HOUR),
    ],
)
def test_hours_are_a_plain_number(value: str, nanoseconds: int) -> None:
    assert parse_hours(value) == nanoseconds < MAX_NS


@pytest.mark.parametrize("value", BAD)
def test_other_texts_are_refused(value: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_hours(value)
    assert (caught.value.reason, caught.value.metadata) == ("BAD_LOOP_HOURS", {"path": f"$.tags.{TAG}"})


@given(st.integers(1, 1000 * MAX_HOURS))
def test_every_thousandth_of_an_hour_can_be_written(millihours: int) -> None:
    assert parse_hours(f"{millihours // 1000}.{millihours % 1000:03}") == millihours * HOUR // 1000


def test_the_bound_lies_before_the_end() -> None:
    assert expired(10 * HOUR, HOUR) == TimeRange(None, 9 * HOUR)
    assert expired(MIN_NS + 5, HOUR) == TimeRange(None, MIN_NS)


@pytest.mark.parametrize(
    ("document", "hours"),
    [
        (b'{"tags":{"loop_hours":"24","a":"b"}}', "24"),
        (b'{"tags":{"a":"b"}}', None),
        (b"{}", None),
        (b'{"tags":{"loop_hours":24}}', None),
        (b'{"tags"', None),
        (b'{"tags":{"a":"\xff"}}', None),
    ],
)
def test_the_tag_is_read_from_the_document_of_a_flow(document: bytes, hours: str | None) -> None:
    assert hours_in(document) == hours
