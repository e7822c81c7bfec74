"""Columns of new segments say what messages say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tams.metadata.v1.segment_pb2 import ExternalUrl, IndexedUrls, NewSegment, NewSegmentColumns
from tams.metadata.v1.segment_service_pb2 import CreateSegmentsRequest, ListSegmentsRequest
from tams.type.v1.timerange_pb2 import TimeRange

from services.metadata.servicers.new_segments import new_segments
from services.shared.errors import InvalidArgument
from tests.rpc.metadata.conftest import Service
from tests.support.flows import flow_id
from tests.support.messages import create, new_segment, put_flow

times = st.integers(-(2**63), 2**63 - 1)
counts = st.none() | st.integers(0, 2**63 - 1)
urls = st.lists(st.builds(ExternalUrl, url=st.text(min_size=1), label=st.none() | st.text()), max_size=2)
segments = st.builds(
    NewSegment,
    object_id=st.text(max_size=8),
    timerange=st.builds(TimeRange, start_ns=times, end_ns=times, end_inclusive=st.booleans()),
    ts_offset_ns=times,
    last_duration_ns=counts,
    sample_offset=counts,
    sample_count=counts,
    key_frame_count=counts,
    external_urls=urls,
)


def columns(segments: list[NewSegment], *, sparse: bool = False) -> NewSegmentColumns:
    """The segments as columns; `sparse` leaves out those in which nothing stands."""

    def counted(name: str) -> list[int]:
        values = [getattr(one, name) if one.HasField(name) else -1 for one in segments]
        return [] if sparse and set(values) <= {-1} else values

    inclusive = [one.timerange.end_inclusive for one in segments]
    offsets = [one.ts_offset_ns for one in segments]
    return NewSegmentColumns(
        object_ids=[one.object_id for one in segments],
        starts_ns=[one.timerange.start_ns for one in segments],
        ends_ns=[one.timerange.end_ns for one in segments],
        ends_inclusive=[] if sparse and not any(inclusive) else inclusive,
        ts_offsets_ns=[] if sparse and not any(offsets) else offsets,
        last_durations_ns=counted("last_duration_ns"),
        sample_offsets=counted("sample_offset"),
        sample_counts=counted("sample_count"),
        key_frame_counts=counted("key_frame_count"),
        external_urls=[
            IndexedUrls(index=at, urls=one.external_urls)
            for at, one in enumerate(segments)
            if one.external_urls
        ],
    )


@given(st.lists(segments, max_size=4), st.lists(segments, max_size=2), st.booleans())
def test_columns_follow_messages_and_say_the_same(
    posted: list[NewSegment], before: list[NewSegment], sparse: bool
) -> None:
    mixed = CreateSegmentsRequest(segments=before, columns=columns(posted, sparse=sparse))
    assert new_segments(mixed) == new_segments(CreateSegmentsRequest(segments=[*before, *posted]))


@pytest.mark.parametrize(
    "changed",
    [
        {"starts_ns": [1]},
        {"ends_ns": []},
        {"ends_inclusive": [True] * 3},
        {"ts_offsets_ns": [1]},
        {"last_durations_ns": [1]},
        {"sample_offsets": [1]},
        {"sample_counts": [1]},
        {"key_frame_counts": [1]},
        {"external_urls": [IndexedUrls(index=2)]},
        {"external_urls": [IndexedUrls(index=-1)]},
    ],
)
def test_columns_that_do_not_fit_together(changed: dict[str, list[object]]) -> None:
    asked = columns([new_segment(0, 1), new_segment(1, 2)])
    for name, values in changed.items():
        asked.ClearField(name)
        getattr(asked, name).extend(values)
    with pytest.raises(InvalidArgument) as caught:
        new_segments(CreateSegmentsRequest(columns=asked))
    assert caught.value.reason == "BAD_COLUMNS"


async def test_failures_count_messages_first(service: Service) -> None:
    await service("PutFlow", put_flow(1))
    asked = create(1, new_segment(0, 10))
    asked.columns.CopyFrom(columns([new_segment(5, 15), new_segment(20, 30), new_segment(30, 30)]))
    reply = await service("CreateSegments", asked)
    assert [(one.index, one.failure.reason) for one in reply.failures] == [
        (1, "SEGMENT_OVERLAP"),
        (3, "BAD_SEGMENT"),
    ]
    page = await service("ListSegments", ListSegmentsRequest(flow_id=flow_id(1)))
    assert len(page.segments) == 2
