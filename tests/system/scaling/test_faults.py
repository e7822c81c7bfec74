"""Replicas behind Envoy, and behind callers that balance by themselves: killed, hanging, added, restarted."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.processes.polling import until
from tests.support.scaling.checking import check, subscribed
from tests.support.scaling.envoy import needs_envoy
from tests.support.scaling.load import load_on, more
from tests.support.scaling.replica import Replica
from tests.support.scaling.store import SERVICES, ScaledStore, running_scaled_store
from tests.support.storage.seaweedfs import SeaweedFS

pytestmark = [pytest.mark.slow, pytest.mark.long, needs_envoy]

# Of three replicas each gets about a third. A new one is slow at first, so it gets less then.
LEAST_SHARE = 0.05


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
    async with subscribed(store) as sink:
        async with load_on(store.fronts) as outcome:
            spare.start()
            store.envoy.point("metadata", [*ports])
            await until(lambda: store.envoy.healthy("metadata") == ports, pause=0.1)
            since = len(store.envoy.access_log)
            await more(outcome, 30)
        await check(store, outcome, sink)
    assert outcome.unknown == []
    for cluster, expected in (("metadata", ports), ("gateway", {one.port for one in store.of("gateway")})):
        found = shares(store, cluster, since)
        assert found.keys() == expected
        assert min(found.values()) > LEAST_SHARE, f"{cluster}: {found}"


async def test_killed_replicas_fail_no_request_that_can_be_repeated(store: ScaledStore) -> None:
    async with subscribed(store) as sink:
        async with load_on(store.fronts) as outcome:
            for service in ("metadata", "media", "gateway"):
                store.of(service)[0].kill()
                await more(outcome, 6)
        await check(store, outcome, sink)


async def test_replicas_that_hang_are_left_out_until_they_continue(store: ScaledStore) -> None:
    hanging = [store.of(service)[0] for service in ("metadata", "media", "gateway")]
    async with subscribed(store) as sink:
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
        await check(store, outcome, sink)


async def test_a_rolling_restart_fails_no_request(store: ScaledStore) -> None:
    """Requests that must not be repeated succeed too: each process ends only when it has no more."""
    async with subscribed(store) as sink:
        async with load_on(store.fronts) as outcome:
            for service in (*SERVICES, "gateway"):
                for replica in store.of(service):
                    assert await asyncio.to_thread(replica.drain) == 0, replica.log[-2000:]
                    replica.start()
                    await asyncio.to_thread(store.await_health)
                    await more(outcome, 4)
        await check(store, outcome, sink)
    assert outcome.unknown == []
