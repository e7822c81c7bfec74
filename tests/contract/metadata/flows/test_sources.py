import pytest

from services.metadata.domain.property import PropertyChange
from services.shared.errors import NotFound
from tests.support.metadata.flows import FORMATS, a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata

NOW = "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_source_is_created_with_its_first_flow(metadata: Metadata, kind: str) -> None:
    await metadata.put(a_flow(1, kind, created_by="someone"))
    metadata.pass_time()
    await metadata.put(a_flow(2, kind, source=1, created_by="other"))
    creators = {"created_by": "someone", "updated_by": "someone"}
    expected = {"id": source_id(1), "format": FORMATS[kind], "created": NOW, "updated": NOW}
    assert await metadata.all_sources() == [expected | creators]


async def test_a_source_may_lack_a_creator(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    assert not {"created_by", "updated_by"} & (await metadata.source(1)).keys()


async def test_a_source_is_deleted_with_its_last_flow(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2), source=1)
    await metadata.sources.update(source_id(1), [PropertyChange(None, "a", b'"1"')])
    await metadata.flows.delete(flow_id(1))
    assert len(await metadata.all_sources(tags={"a": "1"})) == 1
    await metadata.flows.delete(flow_id(2))
    assert await metadata.all_sources() == []
    await metadata.put(a_flow(1))
    assert await metadata.all_sources(tags={"a": "1"}) == []


@pytest.mark.parametrize("malformed_id", [source_id(9), "", "x" * 5000, source_id(1).upper()])
async def test_unknown_and_malformed_ids_are_not_found(metadata: Metadata, malformed_id: str) -> None:
    await metadata.put(a_flow(1))
    with pytest.raises(NotFound) as caught:
        await metadata.sources.get(malformed_id)
    assert caught.value.reason == "SOURCE_NOT_FOUND"
    assert len(caught.value.summary) < 200
