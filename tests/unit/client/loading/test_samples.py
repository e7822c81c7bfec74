import json
from itertools import pairwise

import pytest
from mediatimestamp import TimeRange

from client.loading.samples import Samples
from services.metadata.domain.flow import parse_flow


def made(**changes):
    return Samples(**({"sources": 5, "flows": 13, "segments": 400, "seed": 7} | changes))


def rows(found):
    return [json.loads(row) for row in found]


def test_as_many_as_asked_for():
    sample = made()
    assert len(rows(sample.source_rows())) == 5
    assert len(rows(sample.flow_rows())) == 13
    assert len(rows(sample.segment_rows())) == 400


def test_the_same_seed_makes_the_same_and_another_something_else():
    assert list(made().flow_rows()) == list(made().flow_rows())
    assert list(made().segment_rows()) == list(made().segment_rows())
    theirs = {row["id"] for row in rows(made(seed=8).flow_rows())}
    assert not theirs & {row["id"] for row in rows(made().flow_rows())}


def test_flows_are_valid_and_collect_those_before_them():
    sources = {row["id"]: row["format"] for row in rows(made().source_rows())}
    seen, collected = set(), 0
    for row in made().flow_rows():
        flow = parse_flow(row)
        assert sources[flow.flow.source_id] == flow.format
        assert {item.id for item in flow.collection} <= seen
        collected += len(flow.collection)
        seen.add(flow.flow.id)
    assert collected == 6


def test_segments_follow_each_other_exactly_with_some_gaps():
    timelines = {}
    for row in rows(made(start_ns=-3).segment_rows()):
        timelines.setdefault(row["flow_id"], []).append(TimeRange.from_str(row["timerange"]))
    containers = {parse_flow(row).flow.id for row in made().flow_rows() if b'"container"' in row}
    assert set(timelines) == containers
    meetings = [one.end == other.start for line in timelines.values() for one, other in pairwise(line)]
    assert 0 < meetings.count(False) < len(meetings) / 10
    assert all(one.end <= other.start for line in timelines.values() for one, other in pairwise(line))


@pytest.mark.parametrize(("sources", "flows"), [(1, 1), (2, 5), (3, 0), (4, 9)])
def test_odd_numbers(sources, flows):
    sample = made(sources=sources, flows=flows, segments=10)
    ids = {parse_flow(row).flow.id for row in sample.flow_rows()}
    assert len(ids) == flows
    assert len(rows(sample.segment_rows())) == (10 if flows else 0)
