"""Replicas behind Envoy, and behind callers that balance by themselves: killed, hanging, added, restarted."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
from grpc import aio
from tams.metadata.v1.flow_service_pb2 import PutFlowRequest
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub

from simulators.vast.endpoints.faults import hung
from tests.support.processes.polling import until
from tests.support.scaling.checking import check, subscribed
from tests.support.scaling.envoy import needs_envoy
from tests.support.scaling.load import load_on, more
from tests.support.scaling.replica import Replica
from tests.support.scaling.store import ScaledStore, running_scaled_store
from tests.support.services.gateway import a_flow
from tests.support.storage.seaweedfs import SeaweedFS

pytestmark = [pytest.mark.slow, pytest.mark.alone, needs_envoy]

# Of three replicas each gets about a third. A new one is slow at first, so it gets less then.
LEAST_SHARE = 0.05
# The parts of which a process each is restarted at a time. More starts at once leave nothing for requests.
TOGETHER = (("metadata",), ("media", "events"), ("analytics", "gateway"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS) -> Iterator[ScaledStore]:
    with running_scaled_store(tmp_path_factory.mktemp("scaled"), seaweedfs) as store:
        yield store


@pytest.fixture
def store(running: ScaledStore) -> ScaledStore:
    """The store with all its replicas."""
    running.restore()
    return running


def shares(store: ScaledStore, cluster: str, since: int) -> dict[int, float]:
    """The part of the requests to a cluster that each port got, since a line of Envoy's log."""
    lines = [line for line in store.envoy.access_log[since:] if line["cluster"] == cluster]
    counts = Counter(int(line["upstream"].rpartition(":")[2]) for line in lines if line["upstream"])
    return {port: count / len(lines) for port, count in counts.items()}


def is_left_out(store: ScaledStore, replica: Replica) -> bool:
    return replica.port not in store.envoy.healthy(replica.service)


async def test_an_added_replica_gets_its_share(store: ScaledStore) -> None:
    spare = store.replicas["metadata-3"]
    ports = {replica.port for replica in (*store.of("metadata"), spare)}
    async with subscribed(store.fronts) as sink:
        async with load_on(store.fronts) as outcome:
            spare.start()
            store.envoy.point("metadata", [*ports])
            await until(lambda: store.envoy.healthy("metadata") == ports, pause=0.1)
            since = len(store.envoy.access_log)
            await more(outcome, 30)
        await check(store.fronts, outcome, sink)
    assert outcome.unknown == []
    for cluster, expected in (("metadata", ports), ("gateway", {one.port for one in store.of("gateway")})):
        found = shares(store, cluster, since)
        assert found.keys() == expected
        assert min(found.values()) > LEAST_SHARE, f"{cluster}: {found}"


async def test_killed_replicas_fail_no_request_that_can_be_repeated(store: ScaledStore) -> None:
    async with subscribed(store.fronts) as sink:
        async with load_on(store.fronts) as outcome:
            for service in ("metadata", "media", "gateway"):
                store.of(service)[0].kill()
                await more(outcome, 6)
        await check(store.fronts, outcome, sink)


async def test_replicas_that_hang_are_left_out_until_they_continue(store: ScaledStore) -> None:
    hanging = [store.of(service)[0] for service in ("metadata", "media", "gateway")]
    async with subscribed(store.fronts) as sink:
        async with load_on(store.fronts) as outcome:
            for replica in hanging:
                replica.pause()
            for replica in hanging:
                await until(partial(is_left_out, store, replica), pause=0.1)
            await more(outcome, 10)
            for replica in hanging:
                replica.resume()
            await asyncio.to_thread(store.await_health)
            await more(outcome, 10)
        await check(store.fronts, outcome, sink)


async def hang_before_the_commit(store: ScaledStore, replica: Replica) -> None:
    """Let a replica of metadata hang while its transaction has changed rows that all changes write."""
    flow = a_flow()
    request = PutFlowRequest(id=flow["id"], document=json.dumps(flow).encode())
    fault = hung("commit", times=1)
    store.database.add_fault(fault)
    async with aio.insecure_channel(f"127.0.0.1:{replica.port}") as channel:
        call = FlowServiceStub(channel).PutFlow(request)
        await until(lambda: fault.times == 0)
        replica.pause()
        assert not call.done()
        call.cancel()


async def test_a_replica_that_hangs_within_a_change_holds_nobody_up(store: ScaledStore) -> None:
    async with subscribed(store.fronts) as sink:
        hanging = store.of("metadata")[0]
        await hang_before_the_commit(store, hanging)
        async with load_on(store.fronts) as outcome:
            await until(partial(is_left_out, store, hanging), pause=0.1)
            await more(outcome, 10)
            store.database.clear_faults()
            hanging.resume()
            await asyncio.to_thread(store.await_health)
            await more(outcome, 10)
        await check(store.fronts, outcome, sink)


async def test_a_rolling_restart_fails_no_request(store: ScaledStore) -> None:
    """Requests that must not be repeated succeed too: each process ends only when it has no more."""
    turns = [turn for parts in TOGETHER for turn in zip(*map(store.of, parts), strict=True)]
    async with subscribed(store.fronts) as sink:
        async with load_on(store.fronts) as outcome:
            for turn in turns:
                codes = await asyncio.gather(*(asyncio.to_thread(replica.drain) for replica in turn))
                assert codes == [0] * len(turn), [replica.log[-500:] for replica in turn]
                for replica in turn:
                    replica.start()
                await asyncio.to_thread(store.await_health)
                await more(outcome, 4)
        await check(store.fronts, outcome, sink)
    assert outcome.unknown == []
