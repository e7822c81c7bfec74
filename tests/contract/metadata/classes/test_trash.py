import pytest

from services.metadata.application.delete_options import DeleteOptions
from services.shared.errors import NotFound
from services.shared.timerange import ETERNITY
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.classes import outside_classes, seen_by, tags_of
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment

SOFT = DeleteOptions(soft=True)


async def entries(metadata: Metadata, *classes: str, size: int = 0) -> list[str]:
    with seen_by(*classes):
        page = await metadata.trash.page(None, None, size, "")
        return [entry.flow_id for entry in page.items]


@pytest.fixture
async def trashed(metadata: Metadata) -> Metadata:
    """In the trash are flow 1 of news, flow 2 of sport, and segments of flow 3 of both."""
    for number, classes in ((1, ["news"]), (2, ["sport"]), (3, ["news", "sport"])):
        with seen_by(*classes):
            await metadata.put(a_flow(number))
            await metadata.register(number, a_segment(0, 1, f"{number}"))
    await metadata.flows.delete(flow_id(1), SOFT)
    await metadata.flows.delete(flow_id(2), SOFT)
    await metadata.segments.delete(flow_id(3), ETERNITY, None, SOFT)
    return metadata


async def test_the_trash_has_what_had_a_class_of_the_caller(trashed: Metadata) -> None:
    assert sorted(await entries(trashed, "news")) == [flow_id(1), flow_id(3)]
    assert sorted(await entries(trashed, "sport", "other")) == [flow_id(2), flow_id(3)]
    assert await entries(trashed) == []
    with seen_by("news"):
        of_flow = await trashed.trash.page(flow_id(2), None, 0, "")
        of_source = await trashed.trash.page(None, source_id(1), 0, "")
    assert list(of_flow.items) == []
    assert [entry.flow_id for entry in of_source.items] == [flow_id(1)]


async def test_pages_of_the_trash_are_full(metadata: Metadata) -> None:
    for number in range(1, 10):
        await metadata.put(a_flow(number, tags=tags_of("news" if number % 2 else "sport")))
        await metadata.flows.delete(flow_id(number), SOFT)
    with seen_by("news"):
        first = await metadata.trash.page(None, None, 3, "")
        second = await metadata.trash.page(None, None, 3, first.next_token)
    found = [entry.flow_id for entry in (*first.items, *second.items)]
    assert (len(first.items), second.next_token) == (3, "")
    assert sorted(found) == [flow_id(number) for number in (1, 3, 5, 7, 9)]


async def test_what_is_hidden_is_not_in_the_trash(trashed: Metadata) -> None:
    hidden = [one for one in (await trashed.trash.page(None, None, 0, "")).items if one.flow_id == flow_id(2)]
    with seen_by("news"):
        with pytest.raises(NotFound, match=f"^no entry {hidden[0].id!r} in the trash$"):
            await trashed.trash.restore(hidden[0].id)
        with pytest.raises(NotFound, match=f"^flow {flow_id(2)!r} is not in the trash$"):
            await trashed.trash.restore_flow(flow_id(2))
        with pytest.raises(NotFound, match=f"^source {source_id(2)!r} is not in the trash$"):
            await trashed.trash.restore_source(source_id(2))


async def test_a_caller_restores_what_it_sees(trashed: Metadata, engine: Engine) -> None:
    with seen_by("news"):
        await trashed.trash.restore_flow(flow_id(1))
        (entry,) = (await trashed.trash.page(None, None, 0, "")).items
        await trashed.trash.restore(entry.id)
        assert [flow["id"] for flow in await trashed.all_flows()] == [flow_id(1), flow_id(3)]
        assert [source["id"] for source in await trashed.all_sources()] == [source_id(1), source_id(3)]
    assert len(await trashed.all_segments(3)) == 1
    assert {row["name"] for row in engine.rows("tags") if row["owner"] == "trash-class"} == {"sport"}


async def test_nothing_is_restored_over_what_is_hidden(trashed: Metadata) -> None:
    trashed.pass_time(1)
    with seen_by("sport"):
        await trashed.put(a_flow(1))
    with seen_by("news"), outside_classes():
        await trashed.trash.restore_flow(flow_id(1))
    with seen_by("sport"):
        await trashed.flows.delete(flow_id(1))
        await trashed.put(a_flow(8, source=1))
    with seen_by("news"), outside_classes():
        await trashed.trash.restore_flow(flow_id(1))


async def test_an_operation_with_hidden_parts_is_restored_by_others(metadata: Metadata) -> None:
    await metadata.put(a_flow(1, source=1, tags=tags_of("news")))
    await metadata.put(a_flow(2, source=1, tags=tags_of("sport")))
    await metadata.cascades.delete_source(source_id(1), cascade=True, options=SOFT)
    with seen_by("news"), outside_classes():
        await metadata.trash.restore_source(source_id(1))
    with seen_by("news", "sport"):
        await metadata.trash.restore_source(source_id(1))
    assert len(await metadata.all_flows()) == 2
