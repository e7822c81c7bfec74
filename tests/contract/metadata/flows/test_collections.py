import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.application.flows import collection_rules
from services.metadata.domain.documents.tags import tag_changes
from services.metadata.domain.flows.flow import parse_flow
from services.metadata.domain.property import PropertyChange
from services.shared.errors import InvalidArgument, PermissionDenied
from tests.support.metadata.flows import a_flow, encoded, flow_id, source_id
from tests.support.metadata.rules import Metadata
from tests.support.services.effort import examples

shared_store = examples(25, vast=25)


def collecting(number: int, *members: tuple[int, str], **more: Any) -> dict[str, Any]:
    items = [{"id": flow_id(member), "role": role} for member, role in members]
    return a_flow(number, "multi", flow_collection=items, **more)


async def test_a_collection_appears_in_its_members_and_their_sources(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))
    mapping = {"track_index": 1}
    document = collecting(3, (2, "left"), (1, "right"))
    document["flow_collection"][0]["container_mapping"] = mapping
    await metadata.put(document)
    assert (await metadata.flow(3))["flow_collection"] == document["flow_collection"]
    for member in (1, 2):
        assert (await metadata.flow(member))["collected_by"] == [flow_id(3)]
        assert (await metadata.source(member))["collected_by"] == [source_id(3)]
    collection = (await metadata.source(3))["source_collection"]
    assert collection == [{"id": source_id(1), "role": "right"}, {"id": source_id(2), "role": "left"}]
    assert "collected_by" not in await metadata.flow(3)


async def test_a_member_keeps_its_own_dates(metadata: Metadata) -> None:
    before = await metadata.put(a_flow(1))
    metadata.pass_time()
    await metadata.put(collecting(2, (1, "x")))
    assert await metadata.flow(1) == before | {"collected_by": [flow_id(2)]}


@pytest.mark.parametrize(
    ("members", "invalid_index"),
    [([(1, "a"), (9, "b")], 1), ([(2, "a")], 0), ([(1, "a"), (1, "b"), (2, "c")], 2)],
)
async def test_a_member_that_is_unknown_or_the_flow_itself_is_refused(
    metadata: Metadata, members: list[tuple[int, str]], invalid_index: int
) -> None:
    await metadata.put(a_flow(1))
    for existing in (False, True):
        if existing:
            await metadata.put(collecting(2, (1, "x")))
        before = await metadata.all_flows(), await metadata.all_sources()
        with pytest.raises(InvalidArgument) as caught:
            await metadata.put(collecting(2, *members))
        assert caught.value.reason == "BAD_COLLECTION"
        assert caught.value.metadata == {"path": f"$.flow_collection[{invalid_index}].id"}
        assert (await metadata.all_flows(), await metadata.all_sources()) == before


async def test_a_deleted_member_leaves_its_collections(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))
    before = await metadata.put(collecting(3, (1, "a"), (2, "b"), (1, "c")))
    metadata.pass_time()
    await metadata.flows.delete(flow_id(1))
    after = await metadata.flow(3)
    assert after["flow_collection"] == [{"id": flow_id(2), "role": "b"}]
    assert after["metadata_updated"] > before["metadata_updated"]
    assert after["metadata_version"] != before["metadata_version"]
    assert after["created"] == before["created"]
    assert (await metadata.source(3))["source_collection"] == [{"id": source_id(2), "role": "b"}]


async def test_members_of_a_deleted_flow_are_no_longer_collected(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    await metadata.put(collecting(2, (1, "a")))
    await metadata.flows.delete(flow_id(2))
    assert "collected_by" not in await metadata.flow(1)
    assert "collected_by" not in await metadata.source(1)


async def refused_path(metadata: Metadata, document: dict[str, Any]) -> str:
    """The path of the fault for which the collection is refused."""
    before = await metadata.all_flows()
    with pytest.raises(InvalidArgument) as caught:
        await metadata.put(document)
    assert caught.value.reason == "BAD_COLLECTION"
    assert await metadata.all_flows() == before
    return caught.value.metadata["path"]


@pytest.mark.parametrize("length", [2, 3, 7])
async def test_no_collection_contains_itself(metadata: Metadata, length: int) -> None:
    await metadata.put(a_flow(20))
    await metadata.put(collecting(1))
    for number in range(2, length + 1):
        await metadata.put(collecting(number, (number - 1, "a")))
    assert await refused_path(metadata, collecting(1, (20, "b"), (length, "c"))) == "$.flow_collection[1].id"
    item = json.dumps([{"id": flow_id(length), "role": "r"}]).encode()
    with pytest.raises(InvalidArgument) as caught:
        await metadata.flows.update(flow_id(1), [PropertyChange("flow_collection", None, item)])
    assert caught.value.reason == "BAD_COLLECTION"
    # Collections without a circle are allowed: the same flow twice, and members that have members.
    await metadata.put(collecting(length, (length - 1, "a"), (20, "b"), (20, "c")))
    await metadata.put(collecting(1, (20, "b")))


async def test_circles_are_found_from_both_ends(metadata: Metadata) -> None:
    await metadata.put_flows(range(50, 60))
    await metadata.put(collecting(1))
    wide = [(number, "w") for number in range(50, 60)]
    for number in range(10, 40):
        await metadata.put(collecting(number, (1, "a")))
    await metadata.put(collecting(2, (39, "a"), *wide))
    await metadata.put(collecting(3, (2, "a")))
    await metadata.put(collecting(4, (3, "a"), *wide))
    assert await refused_path(metadata, collecting(1, *wide, (4, "a"))) == "$.flow_collection[10].id"
    await metadata.put(collecting(5, *wide))
    await metadata.put(collecting(1, (5, "a")))
    assert await refused_path(metadata, collecting(5, *wide, (4, "a"))) == "$.flow_collection[10].id"


async def test_a_search_for_circles_is_bounded(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_rules, "MAX_PAIRS", 8)
    await metadata.put_flows(range(50, 60))
    await metadata.put(collecting(1))
    await metadata.put(collecting(2, (1, "a")))
    await metadata.put(collecting(3, *((number, "w") for number in range(50, 60))))
    assert await refused_path(metadata, collecting(1, (3, "a"))) == "$.flow_collection"
    monkeypatch.setattr(collection_rules, "MAX_PAIRS", 11)
    await metadata.put(collecting(1, (3, "a")))


async def test_a_search_among_new_members_is_bounded(
    metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_rules, "MAX_PAIRS", 2)
    monkeypatch.setattr(collection_rules, "_FLOWS_PER_READ", 1)
    await metadata.put(collecting(1))
    await metadata.put(collecting(13, (1, "a")))
    for number in (12, 11, 10):
        await metadata.put(collecting(number, *((member, "a") for member in range(number + 1, 14))))
    new = [(number, "b") for number in range(10, 14)]
    assert await refused_path(metadata, collecting(1, *new)) == "$.flow_collection"


async def test_flows_in_an_old_circle_can_be_changed(metadata: Metadata) -> None:
    await metadata.put(collecting(1))
    await metadata.put(collecting(2, (1, "a")))
    looped = collecting(1, (2, "a"))
    stored = parse_flow(encoded(looped | {"created": "", "metadata_version": "x"}))
    await metadata.store.write(
        lambda tables: tables.flows.put(stored, encoded(looped | {"created": ""}), tag_changes({}, {}))
    )
    await metadata.flows.update(flow_id(1), [PropertyChange("label", None, b'"l"')])
    await metadata.put(collecting(1, (2, "b")))
    await metadata.put(collecting(1))


async def test_members_of_an_invalid_old_collection_can_be_deleted(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))
    document = collecting(3, (1, "a"), (2, "b"))
    await metadata.put(document)
    parsed = parse_flow(encoded(document))
    stored = encoded(document | {"created": "", "metadata_version": "x", "note": 2**70})
    with pytest.raises(InvalidArgument):
        parse_flow(stored)
    await metadata.store.write(lambda tables: tables.flows.put(parsed, stored, tag_changes({}, {})))
    await metadata.flows.delete(flow_id(1))
    assert [item["id"] for item in (await metadata.flow(3))["flow_collection"]] == [flow_id(2)]
    assert (await metadata.source(3))["source_collection"] == [{"id": source_id(2), "role": "b"}]


async def test_simultaneous_changes_close_no_circle(metadata: Metadata) -> None:
    for number in (1, 2, 3, 4):
        await metadata.put(collecting(number))
    await metadata.put(collecting(2, (3, "a")))
    await metadata.put(collecting(4, (1, "a")))
    closing = [metadata.put(collecting(1, (2, "a"))), metadata.put(collecting(3, (4, "a")))]
    outcomes = await asyncio.gather(*closing, return_exceptions=True)
    (error,) = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert isinstance(error, InvalidArgument)


async def test_a_member_of_a_read_only_collection_cannot_be_deleted(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))
    await metadata.put(collecting(3, (1, "a"), (2, "b"), read_only=True))
    await metadata.put(collecting(4, (1, "a")))
    before = await metadata.all_flows()
    metadata.pass_time()
    with pytest.raises(PermissionDenied, match=flow_id(3)) as caught:
        await metadata.flows.delete(flow_id(1))
    assert (caught.value.reason, caught.value.metadata) == ("FLOW_READ_ONLY", {"flow_id": flow_id(3)})
    assert await metadata.all_flows() == before
    await metadata.flows.update(flow_id(3), [PropertyChange("read_only", None, b"false")])
    await metadata.flows.delete(flow_id(1))
    assert (await metadata.flow(3))["flow_collection"] == [{"id": flow_id(2), "role": "b"}]


FLOWS = 5
STEPS = st.lists(
    st.tuples(
        st.integers(1, FLOWS),
        st.none()
        | st.tuples(
            st.integers(1, 3), st.lists(st.tuples(st.integers(1, FLOWS), st.sampled_from("ab")), max_size=3)
        ),
    ),
    max_size=12,
)


@shared_store
@given(STEPS)
async def test_derived_lists_follow_each_change_of_flows(metadata: Metadata, steps: list[Any]) -> None:
    model: dict[int, tuple[int, list[tuple[int, str]]]] = {}
    for flow in await metadata.all_flows():
        await metadata.flows.delete(flow["id"])
    for number, change in steps:
        if change is None:
            if model.pop(number, None) is not None:
                await metadata.flows.delete(flow_id(number))
            for key, (source, members) in model.items():
                model[key] = source, [item for item in members if item[0] != number]
        else:
            source, requested_items = change
            members = [
                item for item in requested_items if item[0] in model and not contains(model, item[0], number)
            ]
            await metadata.put(collecting(number, *members, source=source))
            model[number] = source, members
    await assert_derived_lists(metadata, model)


def contains(model: dict[int, tuple[int, list[tuple[int, str]]]], number: int, other: int) -> bool:
    return number == other or any(contains(model, member, other) for member, _ in model[number][1])


async def assert_derived_lists(
    metadata: Metadata, model: dict[int, tuple[int, list[tuple[int, str]]]]
) -> None:
    for number in model:
        collectors = sorted(key for key, (_, members) in model.items() if number in dict(members))
        served = (await metadata.flow(number)).get("collected_by", [])
        assert served == [flow_id(key) for key in collectors]
    sources = {source["id"]: source for source in await metadata.all_sources()}
    assert set(sources) == {source_id(source) for source, _ in model.values()}
    pairs = [(source, model[m][0], role) for source, members in model.values() for m, role in members]
    for source, served in sources.items():
        collection = sorted({(source_id(m), role) for s, m, role in pairs if source_id(s) == source})
        assert served.get("source_collection", []) == [{"id": m, "role": role} for m, role in collection]
        collecting_sources = sorted({source_id(s) for s, m, _ in pairs if source_id(m) == source})
        assert served.get("collected_by", []) == collecting_sources


async def test_derived_lists_follow_a_flow_to_another_source(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    await metadata.put(collecting(2, (1, "a"), source=2))
    await metadata.put(collecting(3, source=2))
    await metadata.put(collecting(2, (1, "a"), source=4))
    assert "source_collection" not in await metadata.source(2)
    assert (await metadata.source(4))["source_collection"] == [{"id": source_id(1), "role": "a"}]
    assert (await metadata.source(1))["collected_by"] == [source_id(4)]
    await metadata.put(a_flow(5, source=1))
    await metadata.put(a_flow(1, source=6))
    assert "collected_by" not in await metadata.source(1)
    assert (await metadata.source(6))["collected_by"] == [source_id(4)]
    assert (await metadata.source(4))["source_collection"] == [{"id": source_id(6), "role": "a"}]
