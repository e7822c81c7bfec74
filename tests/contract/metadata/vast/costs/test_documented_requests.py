"""The requests that docs/vast.md names for each operation, begin and end of its transaction included."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import pytest

from services.metadata.adapters.vast.store import VastStore
from services.metadata.application.objects.reservation import Reservation
from services.metadata.application.ports import FlowFilter, SegmentQuery
from services.metadata.domain.property import PropertyChange
from services.metadata.domain.segments.segment import Segment
from services.shared.timerange import TimeRange
from simulators.vast.server import Server
from tests.support.metadata.flows import Document, a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment, an_object
from tests.support.project.pages import table_rows
from tests.support.project.repository import ROOT

pytestmark = pytest.mark.slow

DOCUMENTED = dict(table_rows(ROOT / "docs" / "vast.md", "operation"))
# A rollback is sent after the reply.
_SETTLED_SECONDS = 0.05

Work: TypeAlias = Callable[[], Awaitable[object]]


@pytest.fixture
async def metadata(store: VastStore) -> Metadata:
    """A store in use: each kind of change has been made before, and flow 1 is in the cache."""
    made = Metadata(store)
    await asyncio.gather(*(made.put(tagged(number)) for number in range(1, 41)))
    await made.register(1, *(a_segment(start, start + 1, f"o{start}") for start in range(1500)))
    await made.register(2, *(a_segment(start, start + 1, f"p{start}") for start in range(1000)))
    await made.objects.reserve(flow_id(1), [an_object(f"own{number}") for number in range(200)])
    await made.unregister(1, TimeRange(0, 1))
    await made.unregister(1, TimeRange(1, 2))
    await made.put(a_flow(39, flow_collection=[{"id": flow_id(38), "role": "audio"}]))
    await made.flows.delete(flow_id(40))
    await made.flow(1)
    return made


def tagged(number: int) -> Document:
    return a_flow(number, tags={"camera": str(number), "changed": "once", "removed": "soon"})


def own(*numbers: int) -> list[Segment[str]]:
    return [a_segment(2000 + n, 2001 + n, f"own{n}", external_urls=()) for n in numbers]


def external(*numbers: int) -> list[Segment[str]]:
    return [a_segment(3000 + n, 3001 + n, f"new{n}") for n in numbers]


def change(name: str | None = None, tag: str | None = None, value: bytes | None = b'"new"') -> PropertyChange:
    return PropertyChange(name, tag, value)


def operations(store: VastStore, metadata: Metadata) -> dict[str, Work]:
    """The work of each operation in the page."""

    def uncached(work: Work) -> Work:
        async def cleared() -> object:
            store.cache.clear()
            return await work()

        return cleared

    def page() -> Awaitable[object]:
        return metadata.segments.page(SegmentQuery(flow_id(1), TimeRange(1000, 1300)), 300, "")

    def flows(**wanted: Any) -> Work:
        return lambda: metadata.flows.page(FlowFilter(**wanted), 30, "")

    update = partial(metadata.flows.update, flow_id(1))
    waiting = [
        Reservation(flow_id(number), [an_object(f"more{number}.{n}") for n in range(10)])
        for number in range(1, 21)
    ]
    hundred = [an_object(f"more{number}") for number in range(100)]
    return {
        "read a flow from the cache": lambda: metadata.flow(1),
        "read a flow": uncached(lambda: metadata.flow(1)),
        "page of segments, flow in the cache": page,
        "page of segments": uncached(page),
        "page of flows": flows(),
        "page of the flows of a source": flows(source_id=source_id(1)),
        "page of the flows with a tag": flows(tags={"camera": "1"}),
        "make a flow of a new source": lambda: metadata.put(a_flow(50)),
        "make a flow of a known source": lambda: metadata.put(a_flow(51, source_id=source_id(1))),
        "replace a flow": lambda: metadata.put(tagged(1) | {"description": "new"}),
        "change a label or another property": lambda: update([change("label")]),
        "add a tag": lambda: update([change(tag="added")]),
        "change a tag": lambda: update([change(tag="changed")]),
        "remove a tag": lambda: update([change(tag="removed", value=None)]),
        "delete a flow without segments": lambda: metadata.flows.delete(flow_id(3)),
        "delete a flow with 1,000 segments": lambda: metadata.flows.delete(flow_id(2)),
        "allocate 1 object": lambda: metadata.objects.reserve(flow_id(1), [an_object("more")]),
        "allocate 100 objects": lambda: metadata.objects.reserve(flow_id(1), hundred),
        "allocate 10 objects for each of 20 callers who wait": lambda: metadata.objects.reserve_many(waiting),
        "register 1 segment": lambda: metadata.register(1, *own(1)),
        "register 100 segments": lambda: metadata.register(1, *own(*range(2, 102))),
        "register 1 segment of an external object": lambda: metadata.register(1, *external(1)),
        "register 100 segments of external objects": lambda: metadata.register(1, *external(*range(100))),
        "refuse a segment that overlaps": lambda: metadata.register(1, a_segment(500, 502, "o500")),
        "remove a segment": lambda: metadata.unregister(1, TimeRange(10, 11)),
        "remove 1,000 segments": lambda: metadata.unregister(1, TimeRange(200, 1200)),
        "read an object and the flows that use it": lambda: metadata.objects.get("o300", 10, ""),
    }


@pytest.mark.parametrize("operation", DOCUMENTED)
async def test_an_operation_takes_the_requests_that_the_page_names(
    server: Server, store: VastStore, metadata: Metadata, operation: str
) -> None:
    work = operations(store, metadata)[operation]
    await asyncio.sleep(_SETTLED_SECONDS)
    with server.counting() as counter:
        await work()
        await asyncio.sleep(_SETTLED_SECONDS)
    assert counter.total() == int(DOCUMENTED[operation]), counter


async def test_each_operation_is_documented(store: VastStore, metadata: Metadata) -> None:
    assert list(operations(store, metadata)) == list(DOCUMENTED)
