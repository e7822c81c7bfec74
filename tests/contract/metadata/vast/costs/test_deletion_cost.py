"""The bytes that a deletion moves do not depend on the length of its flow or on other uses of its objects."""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import open_vast_store
from services.shared.timerange import TimeRange
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import Equal
from services.vast_client.transactions.transaction import Transaction
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment, an_object
from tests.support.vast.clusters import KEYS, address_of, change_rows, vast_rows, vast_server

pytestmark = pytest.mark.slow

SEGMENTS = 100_000
AT_ONCE = 50_000
REMOVED = TimeRange(50_000, 51_000)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Each test has a schema of its own."""
    with vast_server(with_store=True, endpoints=1) as running:
        yield running


def in_no_order(count: int) -> list[str]:
    numbers = random.Random(3)
    return [str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(count)]


def in_order_of_time(count: int) -> list[str]:
    """As the store makes them, 20 ms apart."""
    numbers, began, seven = random.Random(3), 1_700_000_000_000, 7 << 76 | 2 << 62
    return [
        str(uuid.UUID(int=began + 20 * at << 80 | seven | numbers.getrandbits(62))) for at in range(count)
    ]


def among_others(count: int) -> list[str]:
    """In order of time, with two of other flows between two of this one."""
    return in_order_of_time(count * 3)[::3]


def others_near(names: list[str]) -> list[str]:
    """Those of other flows, where the segments are removed."""
    used = set(names)
    return [one for one in in_order_of_time(SEGMENTS * 3)[140_000:160_000] if one not in used]


def insert(cluster: Cluster, table: str, rows: list[dict[str, Any]]) -> None:
    def write(transaction: Transaction) -> None:
        for first in range(0, len(rows), AT_ONCE):
            part = rows[first : first + AT_ONCE]
            transaction.insert(table, pa.RecordBatch.from_pylist(part, TABLES[table].columns))
        transaction.commit()

    cluster.run(write)


async def fill(cluster: Cluster, metadata: Metadata, names: list[str], others: list[str]) -> None:
    """A flow of 100,000 segments, each of one of the objects in turn; and objects that it does not use."""
    await metadata.put(a_flow(1))
    await metadata.objects.reserve(flow_id(1), [an_object(names[0])])
    assert not await metadata.register(1, a_segment(0, 1, names[0], external_urls=()))
    ((segment,), (item,)) = (vast_rows(cluster, table) for table in ("segments", "objects"))
    segments = (
        {"start_ns": at, "end_ns": at + 1, "object_id": names[at % len(names)]} for at in range(1, SEGMENTS)
    )
    insert(cluster, "segments", [segment | one for one in segments])
    uses = SEGMENTS // len(names)
    insert(cluster, "objects", [item | {"id": one, "segments": uses} for one in [*names[1:], *others]])
    change_rows(cluster, "objects", Equal("id", names[0]), segments=uses)
    change_rows(cluster, "flows", Equal("id", flow_id(1)), segments=SEGMENTS, end_ns=SEGMENTS)
    await metadata.unregister(1, TimeRange(0, 1))  # the first change of a process adds a row of its own


@pytest.mark.parametrize(
    ("names", "uses"),
    [(in_no_order, 1), (in_order_of_time, 1), (among_others, 1), (in_no_order, 2), (in_no_order, 100),
     (in_order_of_time, SEGMENTS)],
)  # fmt: skip
async def test_a_thousand_of_a_hundred_thousand_segments_move_less_than_half_a_megabyte(
    server: Server, names: Callable[[int], list[str]], uses: int
) -> None:
    used = names(SEGMENTS // uses)
    others = others_near(used) if names is among_others else []
    cluster = Cluster(address_of(server.urls, f"{names.__name__}_{uses}"), KEYS)
    async with open_vast_store(cluster, cache_entries=9, cache_seconds=0, max_waiting=99) as store:
        metadata = Metadata(store)
        await fill(cluster, metadata, used, others)
        before = server.moved
        with server.counting() as counter:
            assert (await metadata.unregister(1, REMOVED)).segments == 1000
        assert server.moved - before < 500_000
        assert counter.total() <= 13
        removed = {0, *range(REMOVED.start or 0, REMOVED.end or 0)}
        counts = Counter(used[at % len(used)] for at in range(SEGMENTS) if at not in removed)
        found = {row["id"]: (row["state"], row["segments"]) for row in vast_rows(cluster, "objects")}
        for one in used:
            state = "registered" if counts[one] else "unreferenced"
            assert found[one] == (state, counts[one])


async def test_an_object_stays_until_its_last_segment_is_gone(server: Server) -> None:
    cluster = Cluster(address_of(server.urls, "last"), KEYS)
    async with open_vast_store(cluster, cache_entries=9, cache_seconds=0, max_waiting=99) as store:
        metadata = Metadata(store)
        await metadata.put_flows((1, 2))
        for number in (1, 2):
            segments = [a_segment(at, at + 1, "shared") for at in range(5)]
            assert not await metadata.register(number, *segments)
        for number, within, left in (
            (1, TimeRange(0, 3), 7),
            (2, TimeRange(0, 5), 2),
            (1, TimeRange(3, 4), 1),
        ):
            await metadata.unregister(number, within)
            assert [row["segments"] for row in vast_rows(cluster, "objects")] == [left]
            assert await metadata.references("shared") == (
                [flow_id(1), flow_id(2)] if left == 7 else [flow_id(1)]
            )
        assert not await metadata.register(2, a_segment(9, 10, "shared"))
        await metadata.unregister(1)
        assert [row["segments"] for row in vast_rows(cluster, "objects")] == [1]
        await metadata.unregister(2)
        assert vast_rows(cluster, "objects") == []
