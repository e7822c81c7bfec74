"""After each step of a random history, loops have exactly the segments that a model of them has."""

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.metadata.application import deletion_requests
from services.metadata.application.segments import loops as module
from services.metadata.application.segments.loops import Loops
from services.metadata.domain.flows.loop import TAG
from services.shared.timerange import ETERNITY, TimeRange
from tests.contract.metadata.conftest import ENGINES
from tests.support.metadata.flows import a_flow
from tests.support.metadata.rules import Metadata, a_segment

pytestmark = pytest.mark.slow

T = TypeVar("T")
# A millisecond, the smallest step of the tag, in nanoseconds.
UNIT = 1_000_000
FLOWS = st.integers(1, 3)
TIMES = st.integers(0, 30)


class ModelLoop:
    """A flow: the units that it keeps, if it is a loop, and its segments as (start, end) in units."""

    def __init__(self, kept: int | None, *, read_only: bool) -> None:
        self.kept = kept
        self.read_only = read_only
        self.segments: set[tuple[int, int]] = set()

    def expired(self) -> set[tuple[int, int]]:
        """The segments that the next round deletes."""
        if self.kept is None or self.read_only or not self.segments:
            return set()
        bound = max(end for _, end in self.segments) - self.kept
        return {(start, end) for start, end in self.segments if end <= bound}


class LoopHistories(RuleBasedStateMachine):
    """Flows, tags, segments and rounds in any order. Slices have two segments, pages two flows."""

    engine: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.model: dict[int, ModelLoop] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    @initialize()
    def open(self) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        patches = self._stack.enter_context(pytest.MonkeyPatch.context())
        patches.setattr(deletion_requests, "SLICE", 2)
        patches.setattr(module, "PAGE", 2)
        opened = ENGINES[self.engine](folder, patches)
        self.metadata = Metadata(self.run(self._stack.enter_async_context(opened)).store)
        self.loops = self.new_loops()

    def new_loops(self) -> Loops:
        return Loops(self.metadata.store, self.metadata.clock, 0)

    def teardown(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    @rule(number=FLOWS, kept=st.none() | st.integers(1, 20), read_only=st.sampled_from([False, False, True]))
    def put(self, number: int, kept: int | None, *, read_only: bool) -> None:
        before = self.model.get(number)
        if before is not None and before.read_only:
            return
        tags = {"a": "b"} if kept is None else {TAG: f"0.{kept:03}"}
        self.run(self.metadata.put(a_flow(number, tags=tags, read_only=read_only)))
        self.model[number] = ModelLoop(kept, read_only=read_only)
        self.model[number].segments = before.segments if before else set()

    @rule(data=st.data(), starts=st.lists(TIMES, min_size=1, max_size=8), length=st.integers(1, 4))
    def register(self, data: st.DataObject, starts: list[int], length: int) -> None:
        writable = sorted(number for number, flow in self.model.items() if not flow.read_only)
        if not writable:
            return
        number = data.draw(st.sampled_from(writable))
        segments = [a_segment(start * UNIT, (start + length) * UNIT) for start in starts]
        failed = {failure.index for failure in self.run(self.metadata.register(number, *segments))}
        stored = {(start, start + length) for index, start in enumerate(starts) if index not in failed}
        self.model[number].segments |= stored

    @rule(number=FLOWS, start=TIMES)
    def unregister(self, number: int, start: int) -> None:
        flow = self.model.get(number)
        if flow is None or flow.read_only:
            return
        within = TimeRange(start * UNIT, (start + 5) * UNIT)
        self.run(self.metadata.unregister(number, within))
        flow.segments = {(one, end) for one, end in flow.segments if one < start or end > start + 5}

    @rule()
    def complete_a_round(self) -> None:
        """The rest of a round that was begun, and a whole one."""
        for _ in range(2):
            while self.run(self.loops.step()):
                pass
        for flow in self.model.values():
            flow.segments -= flow.expired()

    @rule(steps=st.integers(1, 4), killed=st.booleans())
    def begin_a_round(self, steps: int, *, killed: bool) -> None:
        """Some slices, after which the process may be killed: each flow has lost its oldest segments."""
        for _ in range(steps):
            self.run(self.loops.step())
        for number, flow in self.model.items():
            lost = flow.segments - self.found(number)
            assert lost == set(sorted(flow.expired())[: len(lost)])
            flow.segments -= lost
        if killed:
            self.loops = self.new_loops()

    def found(self, number: int) -> set[tuple[int, int]]:
        segments = self.run(self.metadata.all_segments(number))
        return {(segment.start_ns // UNIT, segment.end_ns // UNIT) for segment in segments}

    @invariant()
    def segments_and_extents_agree(self) -> None:
        for number, flow in self.model.items():
            assert self.found(number) == flow.segments
            span = TimeRange(0, 0)
            if flow.segments:
                ordered = sorted(flow.segments)
                span = TimeRange(ordered[0][0] * UNIT, ordered[-1][1] * UNIT)
            assert self.run(self.metadata.flow(number, ETERNITY))["timerange"] == str(span)


class OnSqlite(LoopHistories):
    engine = "sqlite"


class OnVast(LoopHistories):
    engine = "vast"


OnSqlite.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
OnVast.TestCase.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
TestOnSqlite = OnSqlite.TestCase
TestOnVast = OnVast.TestCase
