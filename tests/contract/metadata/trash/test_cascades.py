"""Deletion of sources with their flows, and of the segments of an object."""

import pytest

from services.metadata.application.delete_options import DeleteOptions
from services.shared.errors import FailedPrecondition, NotFound, PermissionDenied
from services.shared.timerange import ETERNITY
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment

SOFT = DeleteOptions(soft=True)


async def put_source(metadata: Metadata) -> None:
    """Store a source of a collection and its two members, each with a segment of object o."""
    items = [{"id": flow_id(number), "role": "part"} for number in (2, 3)]
    await metadata.put(a_flow(2, source=1))
    await metadata.put(a_flow(3, source=1))
    await metadata.put(a_flow(1, source=1, flow_collection=items))
    for number in (1, 2, 3):
        assert await metadata.register(number, a_segment(0, 10)) == []


async def test_a_source_returns_with_all_that_its_deletion_took_along(metadata: Metadata) -> None:
    await put_source(metadata)
    before = await metadata.source(1), [await metadata.flow(number) for number in (2, 3)]
    await metadata.cascades.delete_source(source_id(1), cascade=True, options=SOFT)
    assert await metadata.all_flows() == await metadata.all_sources() == []
    assert len(await metadata.trash.restore_source(source_id(1))) == 3
    assert (await metadata.source(1), [await metadata.flow(number) for number in (2, 3)]) == before
    items = (await metadata.flow(1))["flow_collection"]
    assert [item["id"] for item in items] == [flow_id(2), flow_id(3)]
    assert await metadata.references("o") == [flow_id(number) for number in (1, 2, 3)]


async def test_a_source_is_deleted_for_good_with_its_flows(metadata: Metadata) -> None:
    await put_source(metadata)
    with pytest.raises(FailedPrecondition) as raised:
        await metadata.cascades.delete_source(source_id(1), cascade=False)
    assert raised.value.reason == "SOURCE_HAS_FLOWS"
    assert await metadata.cascades.delete_source(source_id(1), cascade=True) is None
    assert await metadata.all_flows() == await metadata.all_sources() == []
    with pytest.raises(NotFound):
        await metadata.cascades.delete_source(source_id(1), cascade=True)
    with pytest.raises(NotFound):
        await metadata.trash.restore_source(source_id(1))


async def test_a_read_only_flow_keeps_its_source(metadata: Metadata) -> None:
    await put_source(metadata)
    await metadata.put(a_flow(4, source=1, read_only=True))
    for options in (SOFT, DeleteOptions()):
        with pytest.raises(PermissionDenied):
            await metadata.cascades.delete_source(source_id(1), cascade=True, options=options)
    assert len(await metadata.all_flows()) == 4


async def test_the_segments_of_an_object_return_together(metadata: Metadata) -> None:
    await put_source(metadata)
    await metadata.cascades.delete_object("o", SOFT)
    with pytest.raises(NotFound):
        await metadata.references("o")
    assert [await metadata.all_segments(number) for number in (1, 2, 3)] == [[], [], []]
    (entry, *others) = (await metadata.trash.page(None, None, 0, "")).items
    assert {entry.operation} == {other.operation for other in others}
    await metadata.trash.restore(entry.id)
    assert len(await metadata.references("o")) == 3
    await metadata.segments.delete(flow_id(1), ETERNITY, None)
    assert await metadata.cascades.delete_object("o") is None
    with pytest.raises(NotFound):
        await metadata.cascades.delete_object("o")
