from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import InvalidArgument
from tests.support.effort import examples
from tests.support.flows import a_flow, flow_id, source_id
from tests.support.metadata import Metadata

shared_store = examples(25, vast=25)


def collecting(number: int, *members: tuple[int, str], **more: Any) -> dict[str, Any]:
    items = [{"id": flow_id(member), "role": role} for member, role in members]
    return a_flow(number, "multi", flow_collection=items, **more)


async def test_lists_that_follow_from_a_collection(metadata: Metadata) -> None:
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
    ("members", "wrong"), [([(1, "a"), (9, "b")], 1), ([(2, "a")], 0), ([(1, "a"), (1, "b"), (2, "c")], 2)]
)
async def test_members_are_registered_and_not_the_flow_itself(
    metadata: Metadata, members: list[tuple[int, str]], wrong: int
) -> None:
    await metadata.put(a_flow(1))
    for existing in (False, True):
        if existing:
            await metadata.put(collecting(2, (1, "x")))
        before = await metadata.all_flows(), await metadata.all_sources()
        with pytest.raises(InvalidArgument) as caught:
            await metadata.put(collecting(2, *members))
        assert caught.value.reason == "BAD_COLLECTION"
        assert caught.value.metadata == {"path": f"$.flow_collection[{wrong}].id"}
        assert (await metadata.all_flows(), await metadata.all_sources()) == before


async def test_deleting_a_member_takes_it_out_of_its_collections(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))
    before = await metadata.put(collecting(3, (1, "a"), (2, "b"), (1, "c"), read_only=True))
    metadata.pass_time()
    await metadata.flows.delete(flow_id(1))
    after = await metadata.flow(3)
    assert after["flow_collection"] == [{"id": flow_id(2), "role": "b"}]
    assert after["metadata_updated"] > before["metadata_updated"]
    assert after["metadata_version"] != before["metadata_version"]
    assert after["created"] == before["created"]
    assert (await metadata.source(3))["source_collection"] == [{"id": source_id(2), "role": "b"}]


async def test_deleting_the_collecting_flow_frees_its_members(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    await metadata.put(collecting(2, (1, "a")))
    await metadata.flows.delete(flow_id(2))
    assert "collected_by" not in await metadata.flow(1)
    assert "collected_by" not in await metadata.source(1)


async def test_flows_may_collect_each_other(metadata: Metadata) -> None:
    await metadata.put(collecting(1))
    await metadata.put(collecting(2, (1, "a")))
    await metadata.put(collecting(1, (2, "b")))
    assert (await metadata.flow(1))["collected_by"] == [flow_id(2)]
    assert (await metadata.flow(2))["collected_by"] == [flow_id(1)]
    await metadata.flows.delete(flow_id(2))
    assert (await metadata.flow(1))["flow_collection"] == []
    assert "collected_by" not in await metadata.flow(1)


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
async def test_derived_lists_are_always_those_of_the_flows(metadata: Metadata, steps: list[Any]) -> None:
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
            source, wanted = change
            members = [item for item in wanted if item[0] in model and item[0] != number]
            await metadata.put(collecting(number, *members, source=source))
            model[number] = source, members
    await assert_derived(metadata, model)


async def assert_derived(metadata: Metadata, model: dict[int, tuple[int, list[tuple[int, str]]]]) -> None:
    for number in model:
        collectors = sorted(key for key, (_, members) in model.items() if number in dict(members))
        served = (await metadata.flow(number)).get("collected_by", [])
        assert served == [flow_id(key) for key in collectors]
    sources = {source["id"]: source for source in await metadata.all_sources()}
    assert set(sources) == {source_id(source) for source, _ in model.values()}
    pairs = [(source, model[m][0], role) for source, members in model.values() for m, role in members]
    for one, served in sources.items():
        collection = sorted({(source_id(m), role) for s, m, role in pairs if source_id(s) == one})
        assert served.get("source_collection", []) == [{"id": m, "role": role} for m, role in collection]
        collectors = sorted({source_id(s) for s, m, _ in pairs if source_id(m) == one})
        assert served.get("collected_by", []) == collectors


async def test_lists_follow_a_flow_to_another_source(metadata: Metadata) -> None:
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
