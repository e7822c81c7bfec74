import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.metadata.application.ports import Store
from services.metadata.domain.property import PropertyChange
from services.shared.access.classes import TAG
from services.shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from tests.support.metadata.classes import NAME, outside_classes, seen_by, tags_of
from tests.support.metadata.flows import Document, a_flow, encoded, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment, an_object

NEWS, SPORT = 1, 2
UNSET = PropertyChange(None, TAG, None)


@pytest.fixture
async def stored(metadata: Metadata) -> Metadata:
    """Flow 1 of news and flow 2 of sport, each made by a caller of its class."""
    for number, name in ((NEWS, "news"), (SPORT, "sport")):
        with seen_by(name):
            await metadata.put(a_flow(number))
    return metadata


def a_tag(value: str) -> PropertyChange:
    return PropertyChange(None, TAG, json.dumps(value).encode())


async def everything(metadata: Metadata) -> list[Document]:
    """All sources and flows of the store."""
    return [*await metadata.all_sources(), *await metadata.all_flows()]


async def test_what_a_caller_creates_has_its_classes(metadata: Metadata) -> None:
    with seen_by("news", "sport"):
        await metadata.put(a_flow(1))
        await metadata.put(a_flow(2, tags=tags_of("sport", a="b")))
        await metadata.put(a_flow(3, source=1))
    flows = {flow["id"]: flow["tags"] for flow in await metadata.all_flows()}
    assert list(flows.values()) == [{TAG: "news,sport"}, {TAG: "sport", "a": "b"}, {TAG: "news,sport"}]
    sources = [source["tags"] for source in await metadata.all_sources()]
    assert sources == [{TAG: "news,sport"}, {TAG: "sport"}]


async def test_nothing_is_created_over_what_is_hidden(stored: Metadata) -> None:
    before = await everything(stored)
    with seen_by("news"), outside_classes():
        await stored.put(a_flow(SPORT, label="mine"))
    with seen_by("news"), outside_classes():
        await stored.put(a_flow(5, source=SPORT))
    with seen_by("news"), outside_classes():
        await stored.put(a_flow(NEWS, source=SPORT))
    with seen_by(), outside_classes():
        await stored.put(a_flow(5))
    assert await everything(stored) == before


@pytest.mark.parametrize("number", [SPORT, 77])
async def test_changes_of_a_hidden_flow_are_refused_as_of_an_unknown_one(
    stored: Metadata, number: int
) -> None:
    before = await everything(stored)
    change = PropertyChange("label", None, b'"x"')
    refused: list[Callable[[], Awaitable[object]]] = [
        lambda: stored.flows.update(flow_id(number), [change]),
        lambda: stored.flows.delete(flow_id(number)),
        lambda: stored.register(number, a_segment(0, 1)),
        lambda: stored.segments.delete(flow_id(number), a_segment(0, 1).timerange, None),
        lambda: stored.objects.reserve(flow_id(number), [an_object("o")]),
    ]
    for call in refused:
        with seen_by("news"), pytest.raises(NotFound, match=f"^no flow {flow_id(number)!r}$"):
            await call()
    refused = [
        lambda: stored.sources.update(source_id(number), [change]),
        lambda: stored.cascades.delete_source(source_id(number), cascade=True),
    ]
    for source_call in refused:
        with seen_by("news"), pytest.raises(NotFound, match=f"^no source {source_id(number)!r}$"):
            await source_call()
    assert await everything(stored) == before


async def test_a_put_without_the_tag_keeps_the_classes(stored: Metadata) -> None:
    await stored.flows.update(flow_id(NEWS), [a_tag("news,sport")])
    with seen_by("news"):
        document = await stored.put(a_flow(NEWS, label="new", tags={"a": "b"}))
    assert document["tags"] == {"a": "b", TAG: "news,sport"}
    with seen_by("sport"):
        await stored.flows.update(flow_id(NEWS), [PropertyChange("tags", None, b'{"c":"d"}')])
        assert (await stored.flow(NEWS))["tags"] == {"c": "d", TAG: "news,sport"}
    assert "tags" not in await stored.put(a_flow(NEWS))


@pytest.mark.parametrize(
    "change",
    [
        a_tag("sport"),
        a_tag(""),
        a_tag("news,other"),
        UNSET,
        PropertyChange("tags", None, b'{"auth_classes":"x"}'),
    ],
)
async def test_a_caller_cannot_give_away_or_take_what_is_not_its_own(
    stored: Metadata, change: PropertyChange
) -> None:
    before = await everything(stored)
    with seen_by("news"), outside_classes():
        await stored.flows.update(flow_id(NEWS), [change])
    with seen_by("news"), outside_classes():
        await stored.sources.update(source_id(NEWS), [change])
    assert await everything(stored) == before


async def test_a_bad_class_is_refused(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    writes: list[Callable[[], Awaitable[object]]] = [
        lambda: metadata.put(a_flow(1, tags={TAG: "a b"})),
        lambda: metadata.flows.update(flow_id(1), [a_tag("a b")]),
        lambda: metadata.sources.update(source_id(1), [a_tag("a b")]),
    ]
    for write in writes:
        with pytest.raises(InvalidArgument) as raised:
            await write()
        assert (raised.value.reason, raised.value.metadata["path"]) == ("BAD_CLASSES", "$.tags.auth_classes")


async def test_members_that_are_hidden_stay_in_a_collection(stored: Metadata) -> None:
    item: dict[str, Any] = {"id": flow_id(SPORT), "role": "hidden"}
    own = {"id": flow_id(NEWS), "role": "own"}
    await stored.put(a_flow(3, "multi", flow_collection=[item, own], tags=tags_of("news")))
    await stored.sources.update(source_id(3), [a_tag("news")])
    with seen_by("news"):
        read = await stored.flow(3)
        assert read["flow_collection"] == [own]
        assert (await stored.put(read))["metadata_version"] == read["metadata_version"]
    assert (await stored.flow(3))["flow_collection"] == [item, own]
    with seen_by("news"):
        await stored.flows.update(flow_id(3), [PropertyChange("flow_collection", None, None)])
    assert (await stored.flow(3))["flow_collection"] == [item]


async def test_a_hidden_flow_is_no_member(stored: Metadata) -> None:
    for number in (SPORT, 77):
        collection = [{"id": flow_id(number), "role": "r"}]
        with seen_by("news"), pytest.raises(InvalidArgument, match=f"no flow {flow_id(number)}$") as raised:
            await stored.put(a_flow(3, "multi", flow_collection=collection))
        assert raised.value.reason == "BAD_COLLECTION"


async def test_a_flow_leaves_collections_that_its_caller_does_not_see(stored: Metadata) -> None:
    collection = [{"id": flow_id(NEWS), "role": "r"}]
    await stored.put(a_flow(3, "multi", flow_collection=collection, read_only=True))
    with seen_by("news"), pytest.raises(PermissionDenied) as raised:
        await stored.flows.delete(flow_id(NEWS))
    assert raised.value.reason == "FLOW_READ_ONLY"
    assert flow_id(3) not in raised.value.summary
    assert not raised.value.metadata
    await stored.flows.update(flow_id(3), [PropertyChange("read_only", None, b"false")])
    with seen_by("news"):
        await stored.flows.delete(flow_id(NEWS))
    assert (await stored.flow(3))["flow_collection"] == []


async def test_a_cascade_stops_at_a_hidden_flow(stored: Metadata) -> None:
    await stored.put(a_flow(3, source=NEWS, tags=tags_of("sport")))
    with seen_by("news"), pytest.raises(FailedPrecondition):
        await stored.cascades.delete_source(source_id(NEWS), cascade=False)
    with seen_by("news"), outside_classes():
        await stored.cascades.delete_source(source_id(NEWS), cascade=True)
    assert len(await stored.all_flows()) == 3
    with seen_by("news", "sport"):
        await stored.cascades.delete_source(source_id(NEWS), cascade=True)
    assert len(await stored.all_flows()) == 1


async def test_a_source_stays_while_a_hidden_flow_has_it(stored: Metadata) -> None:
    await stored.put(a_flow(3, source=NEWS, tags=tags_of("sport")))
    with seen_by("news"):
        await stored.flows.delete(flow_id(NEWS))
    assert [source["id"] for source in await stored.all_sources()] == [source_id(NEWS), source_id(SPORT)]


async def test_a_segment_may_not_name_a_hidden_object(stored: Metadata) -> None:
    await stored.objects.reserve(flow_id(SPORT), [an_object("used"), an_object("waiting")])
    await stored.register(SPORT, a_segment(0, 1, "used", external_urls=()), a_segment(1, 2, "outside"))
    with seen_by("news"):
        names = ("used", "waiting", "unknown", "outside")
        failures = await stored.register(
            NEWS, *(a_segment(t, t + 1, name, external_urls=()) for t, name in enumerate(names))
        )
        assert {failure.error.reason for failure in failures} == {"UNKNOWN_OBJECT"}
        assert len(failures) == len(names)
        (failure,) = await stored.register(NEWS, a_segment(0, 1, "outside"))
        assert failure.error.reason == "OUTSIDE_CLASSES"
        with pytest.raises(AlreadyExists):
            await stored.objects.reserve(flow_id(NEWS), [an_object("waiting")])
        await stored.objects.reserve(flow_id(NEWS), [an_object("own")])
        own = a_segment(0, 1, "own", external_urls=())
        assert await stored.register(NEWS, own, a_segment(1, 2, "new")) == []
        assert [one.id for one in await stored.objects.locate(["own", "used", "waiting"])] == ["own"]
    assert len(await stored.all_segments(SPORT)) == 2


async def test_an_object_is_shared_by_those_who_see_it(stored: Metadata) -> None:
    await stored.register(SPORT, a_segment(0, 1, "o"))
    with seen_by("news", "sport"):
        assert await stored.register(NEWS, a_segment(0, 1, "o")) == []
    with seen_by("news"):
        assert await stored.register(NEWS, a_segment(1, 2, "o")) == []
        with outside_classes():
            await stored.cascades.delete_object("o")
        await stored.unregister(NEWS)
        with pytest.raises(NotFound, match=r"^no object 'o'$"):
            await stored.cascades.delete_object("o")
    assert len(await stored.all_segments(SPORT)) == 1


async def test_an_unused_object_stays_with_the_flow_that_it_was_allocated_for(stored: Metadata) -> None:
    await stored.objects.reserve(flow_id(NEWS), [an_object("o")])
    with seen_by("news"):
        await stored.register(NEWS, a_segment(0, 1, "o", external_urls=()))
        await stored.unregister(NEWS)
        assert await stored.register(NEWS, a_segment(0, 1, "o", external_urls=())) == []
    with seen_by("sport"):
        (failure,) = await stored.register(SPORT, a_segment(0, 1, "o", external_urls=()))
        assert failure.error.reason == "UNKNOWN_OBJECT"


async def test_a_caller_has_its_own_deletion_requests(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.metadata.application.deletion_requests.SLICE", 2)
    stored = Metadata(store, deletion_seconds=0)
    await stored.put_flows((NEWS, SPORT), tags=tags_of("news", "sport"))
    made = {}
    for number, name in ((NEWS, "news"), (SPORT, "sport")):
        await stored.register(number, *(a_segment(t, t + 1, f"{number} {t}") for t in range(5)))
        with seen_by(name, name=f"user:{name}"):
            progress = await stored.segments.delete(flow_id(number), a_segment(0, 9).timerange, None)
        assert progress.deletion is not None
        made[name] = progress.deletion.id
    with seen_by("news", "sport", name="user:news"):
        assert [one.id for one in await stored.deletions.latest()] == [made["news"]]
        await stored.deletions.get(made["news"])
        with pytest.raises(NotFound, match=made["sport"]):
            await stored.deletions.get(made["sport"])
    with seen_by("news", name=NAME):
        assert await stored.deletions.latest() == []
    assert {one.id for one in await stored.deletions.latest()} == set(made.values())


async def test_put_is_refused_before_its_document_is_compared(stored: Metadata) -> None:
    """A hidden flow answers in one way, whatever is wrong with the new document."""
    for members in ({}, {"flow_collection": [{"id": flow_id(77), "role": "r"}]}, {"tags": {TAG: "sport"}}):
        with seen_by("news"), outside_classes():
            await stored.flows.put(flow_id(SPORT), encoded(a_flow(SPORT, "audio", **members)))
