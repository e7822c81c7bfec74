import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from mediatimestamp import TimeRange

from client.loading.samples import Samples
from services.metadata.domain.flows.flow import parse_flow


def samples_of(**changes: Any) -> Samples:
    return Samples(**({"sources": 5, "flows": 13, "segments": 400, "seed": 7} | changes))


def rows(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [json.loads(row) for row in lines]


def test_samples_have_the_requested_numbers() -> None:
    sample = samples_of()
    assert len(rows(sample.source_rows())) == 5
    assert len(rows(sample.flow_rows())) == 13
    assert len(rows(sample.segment_rows())) == 400


def test_samples_depend_only_on_their_seed() -> None:
    assert list(samples_of().flow_rows()) == list(samples_of().flow_rows())
    assert list(samples_of().segment_rows()) == list(samples_of().segment_rows())
    other_ids = {row["id"] for row in rows(samples_of(seed=8).flow_rows())}
    assert not other_ids & {row["id"] for row in rows(samples_of().flow_rows())}


def test_flows_are_valid_and_collect_earlier_flows() -> None:
    sources = {row["id"]: row["format"] for row in rows(samples_of().source_rows())}
    earlier: set[str] = set()
    collected = 0
    for row in samples_of().flow_rows():
        flow = parse_flow(row)
        assert sources[flow.flow.source_id] == flow.format
        assert {item.id for item in flow.collection} <= earlier
        collected += len(flow.collection)
        earlier.add(flow.flow.id)
    assert collected == 6


def test_segments_are_contiguous_with_some_gaps() -> None:
    timelines: dict[str, list[TimeRange]] = {}
    for row in rows(samples_of(start_ns=-3).segment_rows()):
        timelines.setdefault(row["flow_id"], []).append(TimeRange.from_str(row["timerange"]))
    containers = {parse_flow(row).flow.id for row in samples_of().flow_rows() if b'"container"' in row}
    assert set(timelines) == containers
    contiguous = [
        timerange.end == following.start
        for timeline in timelines.values()
        for timerange, following in pairwise(timeline)
    ]
    assert 0 < contiguous.count(False) < len(contiguous) / 10
    assert all(
        timerange.is_earlier_than_timerange(following)
        for timeline in timelines.values()
        for timerange, following in pairwise(timeline)
    )


@pytest.mark.parametrize(("sources", "flows"), [(1, 1), (2, 5), (3, 0), (4, 9)])
def test_samples_can_have_any_numbers(sources: int, flows: int) -> None:
    sample = samples_of(sources=sources, flows=flows, segments=10)
    ids = {parse_flow(row).flow.id for row in sample.flow_rows()}
    assert len(ids) == flows
    assert len(rows(sample.segment_rows())) == (10 if flows else 0)
