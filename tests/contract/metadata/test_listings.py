import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.application.pages import Page
from services.metadata.application.ports import FlowFilter, SourceFilter
from services.metadata.domain.property import PropertyChange
from services.shared.errors import InvalidArgument
from services.shared.timerange import NEVER, TimeRange
from tests.support.effort import examples
from tests.support.flows import FORMATS, a_flow, encoded, flow_id, source_id
from tests.support.metadata import Metadata, a_segment

shared_store = examples(30, vast=30)


def numbers(documents: Sequence[dict[str, Any]]) -> list[int]:
    return [int(document["id"][-12:], 16) for document in documents]


@pytest.fixture
async def some(metadata: Metadata) -> Metadata:
    """Flows 1 to 5, one of each format, and 6 to 8 of the source and format of flow 1."""
    for number, kind in enumerate(FORMATS, start=1):
        await metadata.put(a_flow(number, kind, label=f"label {number % 2}"))
    for number in (6, 7, 8):
        await metadata.put(a_flow(number, source=1, codec="video/h265"))
    await metadata.register(6, a_segment(0, 10), a_segment(20, 30))
    await metadata.register(7, a_segment(5, 25))
    return metadata


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"source_id": source_id(1)}, [1, 6, 7, 8]),
        ({"source_id": "malformed"}, []),
        ({"format": FORMATS["audio"]}, [2]),
        ({"codec": "video/h265"}, [6, 7, 8]),
        ({"codec": "video/H265"}, []),
        ({"codec": "video"}, []),
        ({"label": "label 1"}, [1, 3, 5]),
        ({"label": ""}, []),
        ({"frame_width": 640}, [3]),
        ({"frame_width": 1920, "frame_height": 1080}, [1, 6, 7, 8]),
        ({"frame_height": 2**62}, []),
        ({"source_id": source_id(1), "label": "label 1"}, [1]),
        ({"timerange": NEVER}, [1, 2, 3, 4, 5, 8]),
        ({"timerange": TimeRange(0, 1)}, [6]),
        ({"timerange": TimeRange(10, 20)}, [7]),
        ({"timerange": TimeRange(9, 11)}, [6, 7]),
        ({"timerange": TimeRange(25, None)}, [6]),
        ({"timerange": TimeRange(None, 5)}, [6]),
        ({"timerange": TimeRange(30, None)}, []),
        ({"timerange": TimeRange(None, 0)}, []),
        ({"timerange": TimeRange(10, 12), "codec": "video/h265"}, [7]),
    ],
)
async def test_flow_filters(some: Metadata, wanted: dict[str, Any], expected: list[int]) -> None:
    assert numbers(await some.all_flows(**wanted)) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"format": FORMATS["data"]}, [4]),
        ({"label": "mine"}, [2]),
        ({"label": "x"}, []),
    ],
)
async def test_source_filters(some: Metadata, wanted: dict[str, Any], expected: list[int]) -> None:
    await some.sources.update(source_id(2), [PropertyChange("label", None, b'"mine"')])
    assert numbers(await some.all_sources(**wanted)) == expected


NAMES = ["a", "A", "a.b", "a/b", "a b", "\u00e9", "e\u0301", "%", "_", "tag.x", "'", "\U0001f39e"]
TAGS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "1", "\u00e9", "a,b", "%"]), max_size=4)


@pytest.fixture(scope="module")
def tagged() -> list[dict[str, str]]:
    """Tags of many flows: every pair of names, with different values."""
    pairs = itertools.combinations(NAMES, 2)
    return [{one: "1", other: ["", "a,b"][number % 2]} for number, (one, other) in enumerate(pairs)] + [{}]


@pytest.fixture
async def with_tags(metadata: Metadata, tagged: list[dict[str, str]]) -> Metadata:
    for number, tags in enumerate(tagged, start=1):
        await metadata.put(a_flow(number, tags=tags))
        changes = [PropertyChange(None, name, encoded(value)) for name, value in tags.items()]
        await metadata.sources.update(source_id(number), changes)
    return metadata


@shared_store
@given(wanted=TAGS, exists=st.dictionaries(st.sampled_from(NAMES), st.booleans(), max_size=3))
async def test_tag_filters(
    with_tags: Metadata, tagged: list[dict[str, str]], wanted: dict[str, str], exists: dict[str, bool]
) -> None:
    expected = [
        number
        for number, tags in enumerate(tagged, start=1)
        if wanted.items() <= tags.items() and all((name in tags) is has for name, has in exists.items())
    ]
    assert numbers(await with_tags.all_flows(tags=wanted, tag_exists=exists)) == expected
    assert numbers(await with_tags.all_sources(tags=wanted, tag_exists=exists)) == expected


async def test_tags_go_with_their_flow_and_are_replaced_with_it(metadata: Metadata) -> None:
    await metadata.put(a_flow(1, tags={"a": "1", "b": "2"}))
    await metadata.put(a_flow(1, tags={"b": "3"}))
    assert numbers(await metadata.all_flows(tags={"b": "3"})) == [1]
    assert await metadata.all_flows(tag_exists={"a": True}) == []
    await metadata.flows.delete(flow_id(1))
    await metadata.put(a_flow(1))
    assert await metadata.all_flows(tag_exists={"b": True}) == []


async def walked(metadata: Metadata, size: int, **wanted: Any) -> list[int]:
    found: list[int] = []
    token = ""
    for _ in range(50):
        page: Page[Any] = await metadata.flows.page(FlowFilter(**wanted), size, token)
        assert len(page.items) <= page.size == size
        found += [int(flow.id[-12:], 16) for flow in page.items]
        token = page.next_token
        if not token:
            break
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9])
@pytest.mark.parametrize(
    "wanted", [{}, {"source_id": source_id(1)}, {"timerange": TimeRange(0, 99)}, {"label": "label 1"}]
)
async def test_walks_in_pages_equal_one_listing(some: Metadata, size: int, wanted: dict[str, Any]) -> None:
    assert await walked(some, size, **wanted) == numbers(await some.all_flows(**wanted))


async def test_a_walk_goes_on_while_flows_come_and_go(metadata: Metadata) -> None:
    await metadata.put_flows(range(0, 40, 2))
    first = await metadata.flows.page(FlowFilter(), 5, "")
    await metadata.flows.delete(flow_id(8))
    await metadata.flows.delete(flow_id(20))
    await metadata.put_flows((3, 9, 21))
    rest = await metadata.flows.page(FlowFilter(), 1000, first.next_token)
    assert [flow.id for flow in first.items] == [flow_id(number) for number in (0, 2, 4, 6, 8)]
    expected = sorted({9, 21, *range(10, 40, 2)} - {20})
    assert [flow.id for flow in rest.items] == [flow_id(number) for number in expected]


@pytest.mark.parametrize(
    ("asked", "size"), [(0, 100), (-1, 100), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)]
)
async def test_page_sizes(metadata: Metadata, asked: int, size: int) -> None:
    assert (await metadata.flows.page(FlowFilter(), asked, "")).size == size
    assert (await metadata.sources.page(SourceFilter(), asked, "")).size == size


async def test_tokens_belong_to_one_listing(some: Metadata) -> None:
    flows = (await some.flows.page(FlowFilter(), 1, "")).next_token
    sources = (await some.sources.page(SourceFilter(), 1, "")).next_token
    for page in (some.flows.page(FlowFilter(), 1, sources), some.sources.page(SourceFilter(), 1, flows)):
        with pytest.raises(InvalidArgument) as caught:
            await page
        assert caught.value.reason == "BAD_PAGE_TOKEN"
