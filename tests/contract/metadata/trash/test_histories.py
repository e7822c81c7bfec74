"""After each step of a random history of deletions and restores, the store agrees with a model."""

import asyncio
import json
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.metadata.application.delete_options import WEEK_SECONDS, DeleteOptions
from services.metadata.domain.trash import Kind
from services.shared.errors import TamsError
from services.shared.timerange import ETERNITY, TimeRange
from tests.contract.metadata.conftest import ENGINES
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.models.trash import Entry, TrashModel

pytestmark = pytest.mark.slow

T = TypeVar("T")
NAMES = "abc"
FLOWS = st.integers(1, 4)
SOURCES = st.integers(1, 2)
TIMES = st.integers(0, 16)
RANGES = st.builds(TimeRange, st.none() | TIMES, st.none() | TIMES)


class TrashHistories(RuleBasedStateMachine):
    """Flows, segments, deletions of both kinds, restores and purges in any order."""

    engine: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.model = TrashModel()

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
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        patches = self._stack.enter_context(pytest.MonkeyPatch.context())
        opened = ENGINES[self.engine](folder, patches)
        self.metadata = Metadata(self.run(self._stack.enter_async_context(opened)).store)

    def teardown(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    def options(self, *, soft: bool) -> DeleteOptions:
        self.metadata.pass_time()  # so that the order of deletions is known
        return DeleteOptions(soft)

    @rule(
        number=FLOWS,
        source=SOURCES,
        kind=st.sampled_from(["video", "video", "video", "audio"]),
        members=st.lists(FLOWS, max_size=2, unique=True),
    )
    def put(self, number: int, source: int, kind: str, members: list[int]) -> None:
        members = [member for member in members if member < number]
        items = [{"id": flow_id(member), "role": "part"} for member in members] or None
        document = a_flow(number, kind, source=source, flow_collection=items)
        assert self.outcome(self.metadata.put(document)) == self.model.put(number, source, kind, members)

    @precondition(lambda self: self.model.flows)
    @rule(data=st.data(), start=TIMES, length=st.integers(1, 5), name=st.sampled_from(NAMES))
    def register(self, data: st.DataObject, start: int, length: int, name: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.model.flows)))
        failures = self.run(self.metadata.register(number, a_segment(start, start + length, name)))
        reasons = [failure.error.reason for failure in failures]
        expected = self.model.register(number, start, start + length, name)
        assert reasons == ([expected] if expected else [])

    @rule(number=FLOWS, soft=st.sampled_from([True, True, False]))
    def delete_flow(self, number: int, *, soft: bool) -> None:
        options = self.options(soft=soft)
        outcome = self.outcome(self.metadata.flows.delete(flow_id(number), options))
        assert outcome == ("" if number in self.model.flows else "FLOW_NOT_FOUND")
        if not outcome:
            self.model.delete([number], soft=soft)

    @rule(source=SOURCES, soft=st.booleans())
    def delete_source(self, source: int, *, soft: bool) -> None:
        numbers = [number for number, flow in sorted(self.model.flows.items()) if flow.source == source]
        work = self.metadata.cascades.delete_source(
            source_id(source), cascade=True, options=self.options(soft=soft)
        )
        assert self.outcome(work) == ("" if numbers else "SOURCE_NOT_FOUND")
        self.model.delete(numbers, soft=soft)

    @precondition(lambda self: self.model.flows)
    @rule(
        data=st.data(),
        within=RANGES,
        name=st.none() | st.sampled_from(NAMES),
        soft=st.sampled_from([True, True, False]),
    )
    def unregister(self, data: st.DataObject, within: TimeRange, name: str | None, *, soft: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.model.flows)))
        options = self.options(soft=soft)
        self.run(self.metadata.segments.delete(flow_id(number), within, name, options))
        self.model.unregister([number], within, name, soft=soft)

    @rule(name=st.sampled_from(NAMES), soft=st.booleans())
    def delete_object(self, name: str, *, soft: bool) -> None:
        users = self.model.users(name)
        outcome = self.outcome(self.metadata.cascades.delete_object(name, self.options(soft=soft)))
        assert outcome == ("" if users else "OBJECT_NOT_FOUND")
        self.model.unregister(users, ETERNITY, name, soft=soft)

    @rule(number=FLOWS)
    def restore_flow(self, number: int) -> None:
        found = [entry for entry in self.model.trash if entry.flow and entry.number == number]
        expected = self.model.restore(found[-1:]) if found else "NOT_IN_TRASH"
        assert self.outcome(self.metadata.trash.restore_flow(flow_id(number))) == expected

    @rule(source=SOURCES)
    def restore_source(self, source: int) -> None:
        found = [entry for entry in self.model.trash if entry.flow and entry.flow.source == source]
        expected = self.model.restore(self._operation(found[-1])) if found else "NOT_IN_TRASH"
        assert self.outcome(self.metadata.trash.restore_source(source_id(source))) == expected

    @precondition(lambda self: self.model.trash)
    @rule(data=st.data())
    def restore_entry(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.model.trash) - 1))
        entry_id = self._entry_ids()[index]
        expected = self.model.restore(self._operation(self.model.trash[index]))
        assert self.outcome(self.metadata.trash.restore(entry_id)) == expected

    @precondition(lambda self: self.model.trash)
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.model.trash) - 1))
        assert not self.run(self.metadata.trash.purge(self._entry_ids()[index]))
        del self.model.trash[index]

    @rule()
    def purge_all(self) -> None:
        self.metadata.pass_time(WEEK_SECONDS)
        while self.run(self.metadata.upkeep.once()) or self._entry_ids():
            pass
        self.model.trash.clear()

    def _operation(self, entry: Entry) -> list[Entry]:
        return [other for other in self.model.trash if other.operation == entry.operation]

    def _entry_ids(self) -> list[str]:
        """The ids of the entries, in the order of their deletion."""
        page = self.run(self.metadata.trash.page(None, None, 1000, ""))
        return [entry.id for entry in sorted(page.items, key=lambda entry: (entry.deleted_ms, entry.number))]

    @invariant()
    def flows_sources_and_collections_agree(self) -> None:
        flows, model = self.run(self.metadata.all_flows()), self.model.flows
        assert [flow["id"] for flow in flows] == [flow_id(number) for number in sorted(model)]
        for flow, number in zip(flows, sorted(model), strict=True):
            members = [item["id"] for item in flow.get("flow_collection", ())]
            assert members == list(map(flow_id, model[number].members))
            collectors = [flow_id(other) for other in sorted(model) if number in model[other].members]
            assert self.run(self.metadata.flow(number)).get("collected_by", []) == collectors
        sources = [source["id"] for source in self.run(self.metadata.all_sources())]
        assert sources == sorted({source_id(flow.source) for flow in model.values()})

    @invariant()
    def segments_and_objects_agree(self) -> None:
        for number, flow in self.model.flows.items():
            expected = [(start, *flow.segments[start]) for start in sorted(flow.segments)]
            found = self.run(self.metadata.all_segments(number))
            assert [
                (one.start_ns, one.end_ns, json.loads(one.document)["object_id"]) for one in found
            ] == expected
            span = str(TimeRange(expected[0][0], expected[-1][1])) if expected else "()"
            assert self.run(self.metadata.flow(number, ETERNITY))["timerange"] == span
        for name in NAMES:
            users = self.model.users(name)
            refusal = self.outcome(self.metadata.references(name))
            assert refusal == ("" if users else "OBJECT_NOT_FOUND")
            assert refusal or self.run(self.metadata.references(name)) == list(map(flow_id, users))

    @invariant()
    def the_trash_agrees(self) -> None:
        page = self.run(self.metadata.trash.page(None, None, 1000, ""))
        found = sorted((entry.flow_id, entry.kind is Kind.FLOW) for entry in page.items)
        assert found == sorted((flow_id(entry.number), entry.flow is not None) for entry in self.model.trash)


class OnSqlite(TrashHistories):
    engine = "sqlite"


class OnVast(TrashHistories):
    engine = "vast"


OnSqlite.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
OnVast.TestCase.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
TestOnSqlite = OnSqlite.TestCase
TestOnVast = OnVast.TestCase
