"""The events of restored flows: each of their segments is announced once, also after a crash."""

import pytest

from services.metadata.application.delete_options import DeleteOptions
from services.metadata.application.ports import Store
from services.metadata.application.trash import announcing
from services.metadata.application.webhooks.commit_signal import CommitSignal
from services.metadata.domain.webhooks.event import FLOW_CREATED, SEGMENTS_ADDED
from services.metadata.domain.webhooks.webhook import Webhook
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import Metadata, Subscribers, a_segment

SOFT = DeleteOptions(soft=True)
COUNT = 25


@pytest.fixture(autouse=True)
async def deleted(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow in the trash, whose segments are announced in slices of ten."""
    monkeypatch.setattr(announcing, "FIRST", 10)
    monkeypatch.setattr(announcing, "SLICE", 10)
    await metadata.put_flows([1])
    assert await metadata.register(1, *(a_segment(t, t + 1) for t in range(COUNT))) == []
    await metadata.flows.delete(flow_id(1), SOFT)


async def subscribe(store: Store, metadata: Metadata) -> None:
    subscribers = Subscribers(store, metadata.clock, committed=CommitSignal())
    events = [FLOW_CREATED, SEGMENTS_ADDED]
    await subscribers.webhooks.register(Webhook(id="", url="https://93.184.216.34/", events=events))


async def announced(store: Store) -> list[int]:
    """The starts of the segments in all events, in order. The flow is announced before them."""
    events = await store.read(lambda tables: tables.events.after(0, 1000))
    kinds = [event.type for event in events]
    assert SEGMENTS_ADDED not in kinds or FLOW_CREATED in kinds[: kinds.index(SEGMENTS_ADDED)]
    return [one.start_ns for event in events if event.type == SEGMENTS_ADDED for one in event.segments]


async def test_all_segments_are_announced_in_slices(store: Store, metadata: Metadata, engine: Engine) -> None:
    await subscribe(store, metadata)
    await metadata.trash.restore_flow(flow_id(1))
    assert len(await metadata.all_segments(1)) == COUNT
    assert await announced(store) == list(range(10))
    assert (await metadata.trash.page(None, None, 0, "")).items == []
    # Another process continues after a crash.
    await metadata.upkeep.once()
    other = Metadata(store)
    other.pass_time(3600)
    while await other.upkeep.once():
        pass
    assert await announced(store) == list(range(COUNT))
    assert engine.rows("trash") == []


async def test_a_flow_with_few_segments_needs_no_background_work(
    store: Store, metadata: Metadata, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "FIRST", COUNT)
    await subscribe(store, metadata)
    await metadata.trash.restore_flow(flow_id(1))
    assert await announced(store) == list(range(COUNT))
    assert engine.rows("trash") == []


async def test_without_subscribers_nothing_is_announced(
    store: Store, metadata: Metadata, engine: Engine
) -> None:
    await metadata.trash.restore_flow(flow_id(1))
    await subscribe(store, metadata)
    while await metadata.upkeep.once():
        pass
    assert await announced(store) == []
    assert engine.rows("trash") == []


async def test_a_flow_that_is_deleted_again_is_announced_no_further(
    store: Store, metadata: Metadata, engine: Engine
) -> None:
    await subscribe(store, metadata)
    await metadata.trash.restore_flow(flow_id(1))
    await metadata.flows.delete(flow_id(1))
    await metadata.put_flows([1])
    assert await metadata.register(1, a_segment(500, 501)) == []
    while await metadata.upkeep.once():
        pass
    starts = await announced(store)
    assert sorted(starts) == [*range(10), 500]
    assert engine.rows("trash") == []
