"""A caller with classes sees what a store has that contains nothing else."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.adapters.sqlite.store import open_store
from services.metadata.application.flows.flows import GetFlow
from services.metadata.application.ports import FlowFilter, SegmentQuery, SourceFilter
from services.metadata.domain.flows.flow import served_document as served_flow
from services.metadata.domain.property import PropertyChange
from services.metadata.domain.source import served_document as served_source
from services.shared.access.classes import TAG
from services.shared.errors import TamsError
from services.shared.timerange import ETERNITY, NEVER, TimeRange
from tests.support.metadata.classes import seen_by, tags_of
from tests.support.metadata.flows import Document, a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.services.effort import examples

pytestmark = pytest.mark.slow

shared_store = examples(25, vast=25)
MOST: Final = 6
# Each example has flows, sources and classes of its own, so those of the others are hidden.
EXAMPLES: Final[Iterator[int]] = itertools.count(1)
CLASSES: Final = st.frozensets(st.sampled_from("abc"), max_size=2)


class Flow(NamedTuple):
    classes: frozenset[str]
    source: int
    label: str | None
    tag: str | None
    # Flows that it collects, by their numbers.
    members: frozenset[int]
    # Segments by their starts, each with the name of an object.
    segments: tuple[tuple[int, str], ...]


FLOWS: Final = st.builds(
    Flow,
    CLASSES,
    st.integers(1, 3),
    st.sampled_from([None, "x", "y"]),
    st.sampled_from([None, "1", "2"]),
    st.frozensets(st.integers(1, MOST), max_size=3),
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("op")), max_size=2, unique_by=lambda one: one[0]
    ).map(tuple),
)
# A step puts a flow, or deletes it with None.
STEPS: Final = st.lists(st.tuples(st.integers(1, MOST), st.none() | FLOWS | FLOWS), max_size=14)
FILTERS: Final[list[dict[str, Any]]] = [
    {},
    {"label": "x"},
    {"tags": {"t": "1"}},
    {"tags": {"t": "1"}, "label": "y"},
    {"tag_exists": {"t": True}},
    {"tag_exists": {"t": False}},
    {"format": "urn:x-nmos:format:video"},
    {"format": "urn:x-nmos:format:audio"},
]
OF_FLOWS: Final[list[dict[str, Any]]] = [
    {"timerange": NEVER}, {"timerange": TimeRange(0, 2)}, {"frame_width": 1920}, {"codec": "video/h264"}
]  # fmt: skip


class World:
    """The flows of one example on one store."""

    def __init__(self, metadata: Metadata, example: int) -> None:
        self.metadata = metadata
        self._base = 10 * example
        self._prefix = f"{example}"
        self.flows: dict[int, Flow] = {}

    def classes(self, names: frozenset[str]) -> list[str]:
        return sorted(f"{self._prefix}{name}" for name in names)

    async def put(self, number: int, flow: Flow) -> None:
        await self.delete(number)
        members = sorted((flow.members - {number}) & self.flows.keys())
        tags = tags_of(*self.classes(flow.classes), **({"t": flow.tag} if flow.tag else {}))
        collection = [{"id": flow_id(self._base + one), "role": f"of {number}"} for one in members]
        document = a_flow(
            self._base + number, source=self._base + flow.source, label=flow.label, tags=tags,
            flow_collection=collection,
        )  # fmt: skip
        await self.metadata.put(document)
        segments = (a_segment(start, start + 1, self.object_id(name)) for start, name in flow.segments)
        assert await self.metadata.register(self._base + number, *segments) == []
        self.flows[number] = flow._replace(members=frozenset(members))

    async def delete(self, number: int) -> None:
        if self.flows.pop(number, None) is not None:
            await self.metadata.flows.delete(flow_id(self._base + number))
            for other, flow in self.flows.items():
                self.flows[other] = flow._replace(members=flow.members - {number})

    async def tag_sources(self, of_whole: "World") -> None:
        """Give each source the classes that all of its flows have in the whole store."""
        for source in {flow.source for flow in self.flows.values()}:
            names = (flow.classes for flow in of_whole.flows.values() if flow.source == source)
            value = ",".join(self.classes(frozenset().union(*names)))
            change = PropertyChange(None, TAG, json.dumps(value).encode())
            if value:
                await self.metadata.sources.update(source_id(self._base + source), [change])

    async def seen(self, size: int) -> list[object]:
        """All that a caller can read."""
        of_source = [{"source_id": source_id(self._base + source)} for source in (1, 2)]
        found: list[object] = [
            await self._flow_pages(size, filters) for filters in (*FILTERS, *OF_FLOWS, *of_source)
        ]
        found += [await self._source_pages(size, filters) for filters in FILTERS]
        for number in range(1, MOST + 1):
            one = flow_id(self._base + number)
            found.append(await self._flow(GetFlow(one, TimeRange(1, 3))))
            page = await self.metadata.segments.page(SegmentQuery(one, ETERNITY), 1, "")
            found.append((page.lines, page.next_token))
        return [*found, *[await self._references(name, size) for name in "op"]]

    async def _flow_pages(self, size: int, filters: dict[str, Any]) -> list[list[Document]]:
        pages: list[list[Document]] = []
        token = ""
        while not pages or token:
            page = await self.metadata.flows.page(FlowFilter(**filters), size, token)
            pages.append([_document(served_flow(flow)) for flow in page.items])
            token = page.next_token
        return pages

    async def _source_pages(self, size: int, filters: dict[str, Any]) -> list[list[Document]]:
        pages: list[list[Document]] = []
        token = ""
        while not pages or token:
            page = await self.metadata.sources.page(SourceFilter(**filters), size, token)
            pages.append([_document(served_source(source)) for source in page.items])
            token = page.next_token
        return pages

    async def _flow(self, request: GetFlow) -> Document | str:
        try:
            return _document(await self.metadata.flows.get(request))
        except TamsError as error:
            return error.summary

    async def _references(self, name: str, size: int) -> object:
        try:
            _, page = await self.metadata.objects.get(self.object_id(name), size, "")
        except TamsError as error:
            return error.summary
        return list(page.items), page.next_token

    def object_id(self, name: str) -> str:
        return f"{self._prefix} {name}"


def _document(text: bytes) -> Document:
    """A document without its random version."""
    document: Document = msgspec.json.decode(text)
    document.pop("metadata_version", None)
    return document


@shared_store
@given(steps=STEPS, of_caller=CLASSES, size=st.integers(1, 4))
async def test_a_caller_sees_as_much_as_a_store_with_nothing_else(
    metadata: Metadata,
    tmp_path: Path,
    steps: list[tuple[int, Flow | None]],
    of_caller: frozenset[str],
    size: int,
) -> None:
    example = next(EXAMPLES)
    whole = World(metadata, example)
    for number, flow in steps:
        await (whole.put(number, flow) if flow is not None else whole.delete(number))
    await whole.tag_sources(whole)
    with seen_by(*whole.classes(of_caller)):
        seen = await whole.seen(size)
    async with open_store(tmp_path / f"{example}.db", "NORMAL", 100) as store:
        part = World(Metadata(store), example)
        for number, flow in in_order(whole.flows):
            if flow.classes & of_caller:
                await part.put(number, flow)
        await part.tag_sources(whole)
        assert seen == await part.seen(size)


def in_order(flows: dict[int, Flow]) -> Iterator[tuple[int, Flow]]:
    """The flows, each after those that it collects. No flow contains itself."""
    left = dict(flows)
    while left:
        number = next(one for one, flow in left.items() if not flow.members & left.keys())
        yield number, left.pop(number)
