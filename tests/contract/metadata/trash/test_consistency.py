"""The trash is consistent: a check of the tables finds nothing, and analytics does not count it."""

import pyarrow as pa
import pytest

from services.analytics.adapters.vast import VastTables
from services.metadata.adapters.sqlite.administration.administration import SqliteAdministration
from services.metadata.adapters.sqlite.administration.examination import SqliteExamination
from services.metadata.adapters.sqlite.store import SqliteStore
from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.examination.examination import VastExamination
from services.metadata.adapters.vast.store import VastStore
from services.metadata.application.administration.consistency import Consistency, Scope
from services.metadata.application.delete_options import DeleteOptions
from services.metadata.application.ports.examination import Inconsistency
from services.shared.timerange import TimeRange
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment, an_object

SOFT = DeleteOptions(soft=True)


async def findings(engine: Engine) -> list[Inconsistency]:
    store = engine.store
    if isinstance(store, SqliteStore):
        consistency = Consistency(store, SqliteAdministration(store), SqliteExamination(store))
    else:
        consistency = Consistency(store, VastAdministration(store), VastExamination(store))
    return list((await consistency.check(Scope())).found)


async def test_a_check_finds_nothing_at_any_time(engine: Engine, metadata: Metadata) -> None:
    await metadata.put_flows([1, 2])
    await metadata.put(a_flow(3, "multi", flow_collection=[{"id": flow_id(1), "role": "part"}]))
    for number in (1, 2):
        segments = [a_segment(10 * i, 10 * i + 10, f"o{i % 3}") for i in range(6)]
        assert await metadata.register(number, *segments) == []
    await metadata.segments.delete(flow_id(1), TimeRange(0, 30), None, SOFT)
    await metadata.flows.delete(flow_id(1), SOFT)
    assert await findings(engine) == []
    await metadata.trash.restore_flow(flow_id(1))
    assert await findings(engine) == []
    (entry,) = (await metadata.trash.page(None, None, 0, "")).items
    await metadata.trash.restore(entry.id)
    assert await findings(engine) == []
    await metadata.flows.delete(flow_id(1), SOFT)
    (entry,) = (await metadata.trash.page(None, None, 0, "")).items
    await metadata.trash.purge(entry.id)
    assert await findings(engine) == []


async def test_storage_usage_does_not_count_the_trash(engine: Engine, metadata: Metadata) -> None:
    store = engine.store
    if not isinstance(store, VastStore):
        pytest.skip("SQLite must not be opened twice in one process; tests of analytics do it in two")
    await metadata.put_flows([1, 2])
    await metadata.objects.reserve(flow_id(1), [an_object("a"), an_object("b")])
    own = [a_segment(0, 10, "a", external_urls=()), a_segment(10, 20, "b", external_urls=())]
    assert await metadata.register(1, *own) == []
    assert await metadata.register(2, a_segment(0, 10, "a", external_urls=())) == []
    await metadata.flows.delete(flow_id(1), SOFT)
    with VastTables(store.cluster).objects() as stream:
        counted = _registered(stream)
    assert counted == 1
    await metadata.trash.restore_flow(flow_id(1))
    with VastTables(store.cluster).objects() as stream:
        counted = _registered(stream)
    assert counted == 2


def _registered(stream: object) -> int:
    return sum(pa.RecordBatchReader.from_stream(stream).read_all()["registered"].to_pylist())
