import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.application import text_digests
from services.metadata.application.pages import Page
from services.metadata.application.ports import FlowFilter, SourceFilter
from services.metadata.domain.documents.text_digest import TextDigest
from services.metadata.domain.property import PropertyChange
from services.shared.errors import InvalidArgument
from services.shared.timerange import NEVER, TimeRange
from tests.support.metadata.flows import FORMATS, a_flow, encoded, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.services.effort import examples

shared_store = examples(30, vast=30)


def numbers(documents: Sequence[dict[str, Any]]) -> list[int]:
    return [int(document["id"][-12:], 16) for document in documents]


@pytest.fixture
async def stored(metadata: Metadata) -> Metadata:
    """A service with flows 1 to 5, one of each format, and 6 to 8 of the source and format of flow 1."""
    for number, kind in enumerate(FORMATS, start=1):
        await metadata.put(a_flow(number, kind, label=f"label {number % 2}"))
    for number in (6, 7, 8):
        await metadata.put(a_flow(number, source=1, codec="video/h265"))
    await metadata.register(6, a_segment(0, 10), a_segment(20, 30))
    await metadata.register(7, a_segment(5, 25))
    return metadata


@pytest.mark.parametrize(
    ("filters", "expected"),
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
async def test_filters_select_flows(stored: Metadata, filters: dict[str, Any], expected: list[int]) -> None:
    assert numbers(await stored.all_flows(**filters)) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"format": FORMATS["data"]}, [4]),
        ({"label": "mine"}, [2]),
        ({"label": "x"}, []),
    ],
)
async def test_filters_select_sources(stored: Metadata, filters: dict[str, Any], expected: list[int]) -> None:
    await stored.sources.update(source_id(2), [PropertyChange("label", None, b'"mine"')])
    assert numbers(await stored.all_sources(**filters)) == expected


NAMES = ["a", "A", "a.b", "a/b", "a b", "\u00e9", "e\u0301", "%", "_", "tag.x", "'", "\U0001f39e"]
TAGS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "1", "\u00e9", "a,b", "%"]), max_size=4)


@pytest.fixture(scope="module")
def tagged() -> list[dict[str, str]]:
    """The tags of many flows: each pair of names, with different values."""
    pairs = itertools.combinations(NAMES, 2)
    return [{first: "1", second: ["", "a,b"][number % 2]} for number, (first, second) in enumerate(pairs)] + [
        {}
    ]


@pytest.fixture
async def with_tags(metadata: Metadata, tagged: list[dict[str, str]]) -> Metadata:
    """A service with a flow and a source for each of these tags."""
    for number, tags in enumerate(tagged, start=1):
        await metadata.put(a_flow(number, tags=tags))
        changes = [PropertyChange(None, name, encoded(value)) for name, value in tags.items()]
        await metadata.sources.update(source_id(number), changes)
    return metadata


@shared_store
@given(wanted_tags=TAGS, exists=st.dictionaries(st.sampled_from(NAMES), st.booleans(), max_size=3))
async def test_filters_by_tags_select_flows_and_sources(
    with_tags: Metadata, tagged: list[dict[str, str]], wanted_tags: dict[str, str], exists: dict[str, bool]
) -> None:
    expected = [
        number
        for number, tags in enumerate(tagged, start=1)
        if wanted_tags.items() <= tags.items() and all((name in tags) is has for name, has in exists.items())
    ]
    assert numbers(await with_tags.all_flows(tags=wanted_tags, tag_exists=exists)) == expected
    assert numbers(await with_tags.all_sources(tags=wanted_tags, tag_exists=exists)) == expected


async def test_tags_are_replaced_and_deleted_with_their_flow(metadata: Metadata) -> None:
    await metadata.put(a_flow(1, tags={"a": "1", "b": "2"}))
    await metadata.put(a_flow(1, tags={"b": "3"}))
    assert numbers(await metadata.all_flows(tags={"b": "3"})) == [1]
    assert await metadata.all_flows(tag_exists={"a": True}) == []
    await metadata.flows.delete(flow_id(1))
    await metadata.put(a_flow(1))
    assert await metadata.all_flows(tag_exists={"b": True}) == []


async def walk(metadata: Metadata, size: int, **filters: Any) -> list[int]:
    numbers_found: list[int] = []
    token = ""
    for _ in range(50):
        page: Page[Any] = await metadata.flows.page(FlowFilter(**filters), size, token)
        assert len(page.items) <= page.size == size
        numbers_found += [int(flow.id[-12:], 16) for flow in page.items]
        token = page.next_token
        if not token:
            break
    return numbers_found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9])
@pytest.mark.parametrize(
    "filters", [{}, {"source_id": source_id(1)}, {"timerange": TimeRange(0, 99)}, {"label": "label 1"}]
)
async def test_a_walk_through_pages_finds_the_same_flows_as_one_page(
    stored: Metadata, size: int, filters: dict[str, Any]
) -> None:
    assert await walk(stored, size, **filters) == numbers(await stored.all_flows(**filters))


async def test_a_walk_continues_while_flows_are_created_and_deleted(metadata: Metadata) -> None:
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
    ("requested", "size"), [(0, 100), (-1, 100), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)]
)
async def test_the_page_size_has_a_default_and_a_maximum(
    metadata: Metadata, requested: int, size: int
) -> None:
    assert (await metadata.flows.page(FlowFilter(), requested, "")).size == size
    assert (await metadata.sources.page(SourceFilter(), requested, "")).size == size


async def test_a_token_of_another_list_is_refused(stored: Metadata) -> None:
    flows = (await stored.flows.page(FlowFilter(), 1, "")).next_token
    sources = (await stored.sources.page(SourceFilter(), 1, "")).next_token
    for page in (stored.flows.page(FlowFilter(), 1, sources), stored.sources.page(SourceFilter(), 1, flows)):
        with pytest.raises(InvalidArgument) as caught:
            await page
        assert caught.value.reason == "BAD_PAGE_TOKEN"


def digest(text: str, begin: int = 24) -> TextDigest:
    return TextDigest(text[:begin], hashlib.sha256(text.encode()).digest()[:16])


LONG = "x" * 7500
# Texts with the same beginning, and a text that is this beginning.
SAME_BEGINNING = [LONG, f"{LONG}\u00e9", f"{LONG[:-1]}y", LONG[:24], "x\U0010ffff"]


@pytest.fixture
async def with_labels(metadata: Metadata) -> Metadata:
    """A service with flows whose labels and tags have the same beginning: 1 to 5, and 6 with those of 1."""
    for number, text in enumerate([*SAME_BEGINNING, LONG], start=1):
        await metadata.put(a_flow(number, label=text, tags={"a": text, "b": "1"}))
        changes = [PropertyChange("label", None, encoded(text)), PropertyChange(None, "a", encoded(text))]
        await metadata.sources.update(source_id(number), changes)
    await metadata.put(a_flow(7))
    return metadata


async def test_filters_by_digest_select_the_same_as_filters_by_text(with_labels: Metadata) -> None:
    for text, begin in itertools.product([*SAME_BEGINNING, "", "nowhere", f"{LONG}z"], [0, 24]):
        await assert_same_by_digest(with_labels, text, digest(text, begin))


async def assert_same_by_digest(with_labels: Metadata, text: str, text_digest: TextDigest) -> None:
    by_label, by_tag = await with_labels.all_flows(label=text), await with_labels.all_flows(tags={"a": text})
    assert await with_labels.all_flows(label_digest=text_digest) == by_label
    assert await with_labels.all_flows(tag_digests={"a": text_digest}) == by_tag
    assert (
        await with_labels.all_flows(label_digest=text_digest, tag_digests={"a": text_digest}, tags={"b": "1"})
        == by_tag
    )
    assert await with_labels.all_flows(tag_digests={"b": text_digest}) == []
    assert await with_labels.all_sources(label_digest=text_digest) == await with_labels.all_sources(
        label=text
    )
    assert await with_labels.all_sources(tag_digests={"a": text_digest}) == await with_labels.all_sources(
        tags={"a": text}
    )


async def test_a_walk_by_digest_continues_after_a_listed_flow_is_deleted(with_labels: Metadata) -> None:
    by_label = FlowFilter(label_digest=digest(LONG))
    first = await with_labels.flows.page(by_label, 1, "")
    await with_labels.flows.delete(first.items[0].id)
    second = await with_labels.flows.page(by_label, 1, first.next_token)
    assert [flow.id for flow in second.items] == [flow_id(6)]
    await with_labels.flows.delete(flow_id(6))
    assert (await with_labels.flows.page(by_label, 1, first.next_token)).items == []


async def test_a_digest_of_too_many_texts_with_the_same_beginning_is_refused(
    metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_digests, "MAX_COMPARED", 3)
    for number in range(1, 6):
        await metadata.put(a_flow(number, label=f"same {number}"))
    for text_digest in (TextDigest("same", b"x" * 16), TextDigest("same", b"short")):
        with pytest.raises(InvalidArgument) as caught:
            await metadata.flows.page(FlowFilter(label_digest=text_digest), 1, "")
        assert caught.value.reason == "BAD_TEXT_DIGEST"
