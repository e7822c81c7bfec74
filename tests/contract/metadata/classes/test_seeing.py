import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from services.metadata.application.flows.flows import GetFlow
from services.metadata.application.ports import FlowFilter, SegmentQuery, Store, Tables
from services.metadata.domain.documents.text_digest import TextDigest
from services.metadata.domain.property import PropertyChange
from services.metadata.domain.source import served_document
from services.shared.access.classes import TAG
from services.shared.errors import NotFound
from services.shared.timerange import ETERNITY
from tests.support.metadata.classes import seen_by, tags_of
from tests.support.metadata.flows import Document, a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment

T = TypeVar("T")

NEWS, SPORT, BOTH, NOBODY = 1, 2, 3, 4


@pytest.fixture
async def stored(metadata: Metadata) -> Metadata:
    """Flows 1 of news, 2 of sport, 3 of both and 4 of nobody; their sources have the same classes."""
    for number, classes in ((NEWS, ["news"]), (SPORT, ["sport"]), (BOTH, ["sport", "news"]), (NOBODY, [])):
        await put_with_source(metadata, number, *classes)
    return metadata


async def put_with_source(metadata: Metadata, number: int, *classes: str, **members: Any) -> None:
    await metadata.put(a_flow(number, tags=tags_of(*classes, kind="k"), **members))
    change = PropertyChange(None, TAG, json.dumps(",".join(classes)).encode())
    if classes:
        await metadata.sources.update(source_id(number), [change])


def numbers(documents: list[Document]) -> list[int]:
    return [int(document["id"][-12:], 16) for document in documents]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["news"], [1, 3]),
        (["sport"], [2, 3]),
        (["sport", "news", "other"], [1, 2, 3]),
        (["other"], []),
        ([], []),
        (["new"], []),
    ],
)
async def test_lists_have_what_has_a_class_of_the_caller(
    stored: Metadata, classes: list[str], expected: list[int]
) -> None:
    with seen_by(*classes):
        assert numbers(await stored.all_flows()) == expected
        assert numbers(await stored.all_flows(tags={"kind": "k"})) == expected
        assert numbers(await stored.all_flows(format="urn:x-nmos:format:video")) == expected
        assert numbers(await stored.all_sources()) == expected
    assert numbers(await stored.all_flows()) == [1, 2, 3, 4]


async def test_a_hidden_flow_or_source_does_not_exist(stored: Metadata) -> None:
    with seen_by("news"):
        assert (await stored.flow(BOTH))["id"] == flow_id(BOTH)
        for number in (SPORT, NOBODY, 77):
            with pytest.raises(NotFound, match=f"^no flow {flow_id(number)!r}$"):
                await stored.flow(number)
            with pytest.raises(NotFound, match=f"^no source {source_id(number)!r}$"):
                await stored.sources.get(source_id(number))
        results = await stored.flows.get_many([GetFlow(flow_id(number)) for number in (NEWS, SPORT)])
    assert [isinstance(result, bytes) for result in results] == [True, False]


async def test_pages_are_full(metadata: Metadata) -> None:
    for number in range(1, 30):
        await metadata.put(a_flow(number, tags=tags_of("news" if number % 3 == 0 else "sport")))
    with seen_by("news", "weather"):
        first = await metadata.flows.page(FlowFilter(), 5, "")
        second = await metadata.flows.page(FlowFilter(), 4, first.next_token)
    assert [flow.id for flow in first.items] == [flow_id(number) for number in (3, 6, 9, 12, 15)]
    assert [flow.id for flow in second.items] == [flow_id(number) for number in (18, 21, 24, 27)]
    assert second.next_token == ""


async def test_a_change_of_the_tag_changes_who_sees(stored: Metadata) -> None:
    await stored.put(a_flow(NEWS, tags=tags_of("sport")))
    with seen_by("sport"):
        assert numbers(await stored.all_flows()) == [1, 2, 3]
    with seen_by("news"):
        assert numbers(await stored.all_flows()) == [3]
    await stored.put(a_flow(NEWS))
    await stored.flows.delete(flow_id(BOTH))
    await stored.put(a_flow(BOTH))
    with seen_by("sport", "news"):
        assert numbers(await stored.all_flows()) == [2]


async def test_collections_have_only_flows_that_the_caller_sees(metadata: Metadata) -> None:
    await metadata.put_flows((1,), tags=tags_of("news"))
    await metadata.put_flows((2,), tags=tags_of("sport"))
    items = [{"id": flow_id(2), "role": "hidden"}, {"id": flow_id(1), "role": "seen"}]
    await put_with_source(metadata, 3, "news", flow_collection=items)
    await put_with_source(metadata, 4, "sport", flow_collection=items)
    await metadata.sources.update(source_id(1), [PropertyChange(None, TAG, b'"news"')])
    with seen_by("news"):
        assert (await metadata.flow(3))["flow_collection"] == items[1:]
        assert (await metadata.flow(1))["collected_by"] == [flow_id(3)]
        (flow,) = await metadata.all_flows(label=None, source_id=source_id(3))
        assert flow["flow_collection"] == items[1:]
        source = json.loads(served_document(await metadata.sources.get(source_id(3))))
        assert source["source_collection"] == [{"id": source_id(1), "role": "seen"}]
        assert (await metadata.source(1))["collected_by"] == [source_id(3)]
    with seen_by("sport"):
        assert "source_collection" not in await metadata.source(4)
    assert (await metadata.flow(1))["collected_by"] == [flow_id(3), flow_id(4)]


async def test_links_of_sources_are_those_of_flows_that_the_caller_sees(metadata: Metadata) -> None:
    for number in (1, 2):
        await put_with_source(metadata, number, "news")
    await metadata.put(a_flow(3, source=2, tags=tags_of("sport")))
    by_hidden = [{"id": flow_id(2), "role": "by a hidden flow"}]
    of_hidden = [{"id": flow_id(3), "role": "of a hidden flow"}]
    await metadata.put(a_flow(4, source=1, tags=tags_of("sport"), flow_collection=by_hidden))
    await metadata.put(a_flow(5, source=1, tags=tags_of("news"), flow_collection=of_hidden))
    assert len((await metadata.source(1))["source_collection"]) == 2
    with seen_by("news"):
        assert "source_collection" not in await metadata.source(1)
        assert "collected_by" not in await metadata.source(2)
    await metadata.put(a_flow(5, source=1, tags=tags_of("news"), flow_collection=by_hidden))
    with seen_by("news"):
        expected = [{"id": source_id(2), "role": "by a hidden flow"}]
        assert (await metadata.source(1))["source_collection"] == expected
        assert (await metadata.source(2))["collected_by"] == [source_id(1)]


async def test_segments_and_objects_of_hidden_flows_do_not_exist(stored: Metadata) -> None:
    for number in (NEWS, SPORT, BOTH):
        await stored.register(number, a_segment(0, 1, "shared"), a_segment(1, 2, f"own {number}"))
    with seen_by("news"):
        hidden = await stored.segments.page(SegmentQuery(flow_id(SPORT), ETERNITY), 10, "")
        seen = await stored.segments.page(SegmentQuery(flow_id(NEWS), ETERNITY), 10, "")
        assert (hidden.lines.documents, hidden.next_token) == (b"", "")
        assert seen.lines.documents.count(b"\n") == 2
        assert await stored.references("shared") == [flow_id(NEWS), flow_id(BOTH)]
        with pytest.raises(NotFound, match=f"^no object 'own {SPORT}'$"):
            await stored.references(f"own {SPORT}")
        located = await stored.objects.locate(["shared", f"own {SPORT}"])
    assert located == []  # they are outside this store
    with seen_by("sport"):
        item, page = await stored.objects.get("shared", 1, "")
        assert item.first_referenced_by_flow is None
        assert list(page.items) == [flow_id(SPORT)]
        _, rest = await stored.objects.get("shared", 1, page.next_token)
    assert (list(rest.items), rest.next_token) == ([flow_id(BOTH)], "")


async def test_digests_tell_nothing_about_hidden_texts(metadata: Metadata) -> None:
    label = "x" * 400
    await put_with_source(metadata, 1, "sport", label=label)
    await metadata.put(a_flow(2, tags=tags_of("news", note=label)))
    digest = TextDigest(label[:20], hashlib.sha256(label.encode()).digest())
    with seen_by("news"):
        assert await metadata.all_flows(label_digest=digest) == []
        assert numbers(await metadata.all_flows(tag_digests={"note": digest})) == [2]
    with seen_by("sport"):
        assert numbers(await metadata.all_flows(label_digest=digest)) == [1]
        assert await metadata.all_flows(tag_digests={"note": digest}) == []
        assert await metadata.all_sources(label_digest=digest) == []


@pytest.mark.parametrize("classes", [["news"], ["news", "weather", "other"]])
async def test_pages_with_filters_are_full(metadata: Metadata, classes: list[str]) -> None:
    for number in range(1, 61):
        codec = "video/h265" if number % 3 == 0 else "video/h264"
        await metadata.put(a_flow(number, codec=codec, tags=tags_of("news" if number % 2 else "sport")))
    pages: list[list[str]] = []
    token = ""
    with seen_by(*classes):
        while token or not pages:
            page = await metadata.flows.page(FlowFilter(codec="video/h265"), 4, token)
            pages.append([flow.id for flow in page.items])
            token = page.next_token
    expected = [flow_id(number) for number in range(3, 61, 6)]
    assert pages == [expected[:4], expected[4:8], expected[8:]]


class CountingStore:
    """A store that counts the queries that run on the event loop, and those that run elsewhere."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.ran: list[str] = []

    async def read(self, query: Callable[[Tables], T]) -> T:
        self.ran.append("read")
        return await self._store.read(query)

    async def scan(self, query: Callable[[Tables], T]) -> T:
        self.ran.append("scan")
        return await self._store.scan(query)

    async def write(self, change: Callable[[Tables], T]) -> T:
        return await self._store.write(change)

    async def probe(self) -> None:
        await self._store.probe()


async def test_a_list_with_a_filter_and_classes_is_a_long_query(store: Store) -> None:
    """Two conditions, one of which is checked row by row, must not hold up the event loop."""
    counting = CountingStore(store)
    metadata = Metadata(counting)
    for wanted in ({}, {"label": "x"}):
        with seen_by("news"):
            await metadata.all_flows(**wanted)
        await metadata.all_flows(**wanted)
    assert counting.ran == ["read", "read", "scan", "read"]
