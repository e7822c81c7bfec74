import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.domain.flows.loop import MAX_SECONDS, TAG, expired, parse_seconds, seconds_in
from services.shared.errors import InvalidArgument
from services.shared.timerange import MAX_NS, MIN_NS, NS, TimeRange

HOUR = 3600 * NS
BAD = [
    "", "0", "0.000", "-1", "+1", "1h", "PT24H", "1e3", "nan", "inf", " 24", "24 ", "24\n", "1,5", "024",
    "1.", ".5", "0.0001", "٢٤", f"{MAX_SECONDS}.001", "9999999999", "1" * 400,
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        ("86400", 24 * HOUR),
        ("0.5", NS // 2),
        ("0.001", 1_000_000),
        ("1.25", 5 * NS // 4),
        (str(MAX_SECONDS), MAX_SECONDS * NS),
    ],
)
def test_seconds_are_a_plain_number(value: str, nanoseconds: int) -> None:
    assert parse_seconds(value) == nanoseconds < MAX_NS


@pytest.mark.parametrize("value", BAD)
def test_other_texts_are_refused(value: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_seconds(value)
    assert (caught.value.reason, caught.value.metadata) == ("BAD_LOOP_DURATION", {"path": f"$.tags.{TAG}"})


@given(st.integers(1, 1000 * MAX_SECONDS))
def test_every_millisecond_can_be_written(milliseconds: int) -> None:
    assert parse_seconds(f"{milliseconds // 1000}.{milliseconds % 1000:03}") == milliseconds * NS // 1000


def test_the_bound_lies_before_the_end() -> None:
    assert expired(10 * HOUR, HOUR) == TimeRange(None, 9 * HOUR)
    assert expired(MIN_NS + 5, HOUR) == TimeRange(None, MIN_NS)


@pytest.mark.parametrize(
    ("document", "seconds"),
    [
        (b'{"tags":{"loop_recorder_duration":"24","a":"b"}}', "24"),
        (b'{"tags":{"a":"b"}}', None),
        (b"{}", None),
        (b'{"tags":{"loop_recorder_duration":24}}', None),
        (b'{"tags"', None),
        (b'{"tags":{"a":"\xff"}}', None),
    ],
)
def test_the_tag_is_read_from_the_document_of_a_flow(document: bytes, seconds: str | None) -> None:
    assert seconds_in(document) == seconds
