"""After each step of a random history, the store agrees with a simple model."""

import asyncio
import json
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.metadata.adapters.sqlite.store import open_store
from services.metadata.domain.property import PropertyChange
from services.shared.errors import TamsError
from services.shared.timerange import ETERNITY, TimeRange
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import OUTSIDE, Metadata, a_segment, an_object
from tests.support.models.metadata import Model, ModelFlow

pytestmark = pytest.mark.slow

T = TypeVar("T")
FLOWS = st.integers(1, 4)
OBJECTS = st.sampled_from("abcdef")
TIMES = st.integers(0, 24)
RANGES = st.builds(TimeRange, st.none() | TIMES, st.none() | TIMES)


class Histories(RuleBasedStateMachine):
    """Flows, segments and reservations in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.model = Model()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def outcome(self, work: Coroutine[Any, Any, Any]) -> str:
        """The reason for which a call is refused, or an empty text if it succeeds."""
        try:
            self.run(work)
        except TamsError as error:
            return error.reason
        return ""

    @initialize()
    def open(self) -> None:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        opened = open_store(Path(folder) / "tables.db", "NORMAL", 100)
        self.metadata = Metadata(self.run(self._stack.enter_async_context(opened)))

    def teardown(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    @rule(
        number=FLOWS,
        source=st.integers(1, 3),
        kind=st.sampled_from(["video", "video", "audio"]),
        read_only=st.sampled_from([False, False, False, True]),
        container=st.sampled_from([True, True, True, False]),
    )
    def put(self, number: int, source: int, kind: str, *, read_only: bool, container: bool) -> None:
        expected = self.model.put(number, ModelFlow(source, kind, read_only, container))
        document = a_flow(number, kind, source=source, read_only=read_only)
        if not container:
            del document["container"]
        assert self.outcome(self.metadata.put(document)) == expected

    @rule(number=FLOWS)
    def delete(self, number: int) -> None:
        expected = self.model.refusal(number)
        assert self.outcome(self.metadata.flows.delete(flow_id(number))) == expected
        if not expected:
            self.model.delete(number)

    @rule(number=FLOWS)
    def make_writable(self, number: int) -> None:
        change = PropertyChange("read_only", None, b"false")
        outcome = self.outcome(self.metadata.flows.update(flow_id(number), [change]))
        assert outcome == ("" if number in self.model.flows else "FLOW_NOT_FOUND")
        if not outcome:
            self.model.flows[number].read_only = False

    @rule(number=FLOWS, names=st.lists(OBJECTS, max_size=3))
    def reserve(self, number: int, names: list[str]) -> None:
        objects = [an_object(name) for name in names]
        outcome = self.outcome(self.metadata.objects.reserve(flow_id(number), objects))
        assert outcome == self.model.reserve(number, names)

    @rule(
        number=FLOWS,
        new=st.lists(st.tuples(TIMES, st.integers(1, 6), OBJECTS, st.booleans()), min_size=1, max_size=5),
    )
    def register(self, number: int, new: list[tuple[int, int, str, bool]]) -> None:
        segments = [
            a_segment(start, start + length, name, external_urls=OUTSIDE if urls else ())
            for start, length, name, urls in new
        ]
        if refusal := self.model.refusal(number, owning=True):
            assert self.outcome(self.metadata.register(number, *segments)) == refusal
            return
        failed = {
            failure.index: failure.error.reason
            for failure in self.run(self.metadata.register(number, *segments))
        }
        expected = [
            self.model.register(number, start, start + length, name, urls=urls)
            for start, length, name, urls in new
        ]
        assert [failed.get(index, "") for index in range(len(new))] == expected

    @rule(number=FLOWS, within=RANGES, name=st.none() | OBJECTS)
    def unregister(self, number: int, within: TimeRange, name: str | None) -> None:
        if refusal := self.model.refusal(number):
            assert self.outcome(self.metadata.unregister(number, within, name)) == refusal
            return
        removed = self.run(self.metadata.unregister(number, within, name))
        assert removed.segments == self.model.unregister(number, within, name)

    @precondition(lambda self: self.model.flows)
    @rule(within=RANGES)
    def read(self, within: TimeRange) -> None:
        for number, flow in self.model.flows.items():
            overlapping = [
                (start, end)
                for start, (end, _) in sorted(flow.segments.items())
                if within.overlaps(TimeRange(start, end))
            ]
            found = self.run(self.metadata.all_segments(number, within))
            assert [(segment.start_ns, segment.end_ns) for segment in found] == overlapping
            extent = (
                TimeRange(overlapping[0][0], overlapping[-1][1]).intersection(within)
                if overlapping
                else TimeRange(0, 0)
            )
            assert self.run(self.metadata.flow(number, within))["timerange"] == str(extent)

    @invariant()
    def flows_and_sources_agree_with_the_model(self) -> None:
        flows = self.run(self.metadata.all_flows())
        assert [flow["id"] for flow in flows] == [flow_id(number) for number in sorted(self.model.flows)]
        sources = self.run(self.metadata.all_sources())
        expected = sorted({source_id(flow.source) for flow in self.model.flows.values()})
        assert [source["id"] for source in sources] == expected

    @invariant()
    def segments_and_extents_agree_with_the_model(self) -> None:
        for number, flow in self.model.flows.items():
            expected = [(start, *flow.segments[start]) for start in sorted(flow.segments)]
            found = self.run(self.metadata.all_segments(number))
            segments = [
                (segment.start_ns, segment.end_ns, json.loads(segment.document)["object_id"])
                for segment in found
            ]
            assert segments == expected
            span = str(TimeRange(expected[0][0], expected[-1][1])) if expected else "()"
            assert self.run(self.metadata.flow(number, ETERNITY))["timerange"] == span

    @invariant()
    def references_agree_with_the_model(self) -> None:
        references = self.model.references()
        for name in "abcdef":
            found: list[str] | str
            try:
                found = self.run(self.metadata.references(name))
            except TamsError as error:
                found = error.reason
            assert found == (sorted(map(flow_id, references.get(name, ()))) or "OBJECT_NOT_FOUND")


Histories.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestHistories = Histories.TestCase
