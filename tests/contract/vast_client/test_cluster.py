"""A client of three endpoints with faults: the choice of endpoints, open transactions, and errors."""

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import pyarrow as pa
import pytest

from services.vast_client import limits
from services.vast_client.cluster import Cluster
from services.vast_client.connections.connections import time_left
from services.vast_client.failures import Clash, CommitUnknown, Failure, Refused, Unreachable
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.journals.abandoned import find_abandoned
from services.vast_client.journals.journal import Journal
from services.vast_client.plans import Kind
from services.vast_client.tables import TableSpec
from services.vast_client.transactions import keepalive
from services.vast_client.transactions.reads import ROW_ID
from services.vast_client.transactions.transaction import Transaction
from simulators.vast.endpoints.faults import Fault, dropped, hung, lost_reply, refused, slow, truncated
from simulators.vast.server import Server
from tests.support.vast.clusters import KEYS, address_of, vast_server

COLUMNS = pa.schema({"id": pa.string(), "n": pa.int64()})


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server(endpoints=3, first_txid=2**63 + 5) as running:
        yield running
        running.clear_faults()


def open_cluster(server: Server, **options: object) -> Cluster:
    cluster = Cluster(address_of(server.urls), KEYS, **options)  # type: ignore[arg-type]
    cluster.catalog.ensure([TableSpec("rows", COLUMNS)])
    cluster.run(add("first"))
    cluster.run(read)
    return cluster


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    cluster = open_cluster(server)
    yield cluster
    cluster.close()


def add(name: str) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        transaction.insert("rows", pa.RecordBatch.from_pylist([{"id": name, "n": 0}], COLUMNS))
        transaction.commit()

    return work


def read(transaction: Transaction) -> list[str]:
    found = transaction.select("rows", ["id"], EVERYTHING, kind=Kind.POINT)
    return [str(name) for name in found["id"].to_pylist()]


def change(transaction: Transaction) -> None:
    """Write rows that all changes write, as a store does with its row of `writers`."""
    ids = transaction.select("rows", ["n"], EVERYTHING, kind=Kind.POINT, row_ids=True)[ROW_ID]
    transaction.update("rows", pa.table({ROW_ID: ids, "n": pa.array([1] * len(ids))}))
    transaction.commit()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = monotonic() + 30
    while not holds():
        assert monotonic() < deadline
        sleep(0.02)


ENDPOINT_FAULTS = [
    hung,
    lambda: hung("query"),
    lambda: hung("begin"),
    lambda: hung("rollback"),
    lambda: slow(1.0),
    lambda: dropped(times=None),
    lambda: dropped("insert", "update", "rollback", times=None),
    lambda: lost_reply(times=None),
    lambda: refused(403, "AccessDenied", times=None),
    lambda: refused(403, "AccessDenied", "insert", "query", times=None),
    lambda: refused(500, "InternalError", times=None),
    lambda: refused(503, "SlowDown", times=None),
    lambda: truncated(40, times=None),
]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("fault", ENDPOINT_FAULTS, ids=range(len(ENDPOINT_FAULTS)))
def test_no_call_fails_while_one_endpoint_of_three_works(
    server: Server, cluster: Cluster, fault: Callable[[], Fault], count: int
) -> None:
    for endpoint in server.endpoints[:count]:
        endpoint.faults.add(fault())

    def work(number: int) -> list[str]:
        try:
            cluster.run(add(f"{number}"))
        except CommitUnknown as unknown:
            # A caller can read whether the row was added.
            return ["the transaction has ended"] if unknown.ended else []
        return cluster.run(read, Kind.POINT)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(8)))


def test_refusals_of_new_sessions_count_for_their_endpoint(server: Server) -> None:
    refusing = server.endpoints[0]
    refusing.faults.add(refused(403, "AccessDenied", times=None))
    cluster = open_cluster(server)

    def is_counted() -> bool:
        # Calls choose endpoints at random, so the first ones may all use others.
        cluster.run(read)
        return any(
            health.endpoint == refusing.url and health.failures_in_a_row > 0
            for health in cluster.endpoints.health()
        )

    eventually(is_counted)
    cluster.close()


def test_endpoints_with_different_faults_fail_no_call(server: Server, cluster: Cluster) -> None:
    server.endpoints[0].faults.add(hung())
    server.endpoints[1].faults.add(refused(403, "AccessDenied", times=None))
    for number in range(6):
        cluster.run(add(f"{number}"))
        assert f"{number}" in cluster.run(read, Kind.POINT)


@pytest.mark.parametrize("fault", [hung, lambda *names: dropped(*names, times=None)], ids=["hang", "drop"])
def test_a_change_whose_end_is_lost_does_not_block_the_next(
    server: Server, cluster: Cluster, fault: Callable[..., Fault]
) -> None:
    for endpoint in server.endpoints:
        endpoint.faults.add(fault("rollback"))
        endpoint.faults.add(dropped("commit", times=1))
    with pytest.raises(Failure):
        cluster.run(change, attempts=1, budget=1.0)
    assert cluster.endings.count() == 1
    server.clear_faults()
    cluster.run(change, attempts=2)
    eventually(lambda: cluster.endings.count() == 0)


def test_lost_updates_and_rollbacks_fail_no_write(server: Server, cluster: Cluster) -> None:
    server.endpoints[0].faults.add(dropped("update", "rollback", times=2))
    server.endpoints[1].faults.add(dropped("update", "rollback", times=2))
    server.endpoints[2].faults.add(dropped("update", "rollback", times=2))
    cluster.run(change)
    for _ in range(5):
        cluster.run(change, attempts=2)


def leave_open(cluster: Cluster) -> int:
    """Leave a transaction open that holds rows and cannot be ended now. Returns its number."""
    transaction = cluster.begin()
    ids = transaction.select("rows", ["n"], EVERYTHING, kind=Kind.POINT, row_ids=True)[ROW_ID]
    transaction.update("rows", pa.table({ROW_ID: ids, "n": pa.array([1] * len(ids))}))
    txid = transaction.txid or 0
    transaction.rollback()
    assert cluster.endings.count() == 1
    return txid


def test_a_transaction_left_open_is_ended_in_the_background(server: Server, cluster: Cluster) -> None:
    server.add_fault(refused(500, "InternalError", "rollback", times=None))
    leave_open(cluster)
    server.clear_faults()
    eventually(lambda: cluster.endings.count() == 0)


def test_a_commit_that_all_endpoints_lose_is_undecided(server: Server, cluster: Cluster) -> None:
    server.add_fault(dropped("commit", times=None))
    server.add_fault(refused(500, "InternalError", "rollback", times=None))
    with pytest.raises(CommitUnknown) as raised:
        cluster.run(add("x"))
    assert not raised.value.ended
    assert raised.value.txid > 2**63
    server.clear_faults()
    assert cluster.end(raised.value.txid)


def test_reads_do_not_wait_for_open_transactions(server: Server, cluster: Cluster) -> None:
    server.add_fault(refused(500, "InternalError", "rollback", times=None))
    leave_open(cluster)
    with server.counting() as counted:
        assert cluster.run(read, Kind.POINT, attempts=1) == ["first"]
    assert counted["begin"] == counted["query"] == 1


def test_an_endpoint_that_hangs_is_avoided_and_used_again_later(server: Server, cluster: Cluster) -> None:
    hanging = server.endpoints[1]
    hanging.faults.add(hung())
    eventually(lambda: bool(cluster.run(read, Kind.POINT)) and len(cluster.endpoints.usable()) == 2)
    with hanging.requests.counting() as counted:
        for _ in range(20):
            cluster.run(read, Kind.POINT)
            cluster.run(add("x"))
    # Only probes are sent, which begin a transaction.
    assert counted["query"] == counted["insert"] == 0
    server.clear_faults()
    eventually(lambda: len(cluster.endpoints.usable()) == 3)
    with hanging.requests.counting() as counted:
        for _ in range(10):
            cluster.run(read, Kind.POINT)
    assert counted["query"] > 0


def test_an_endpoint_that_fails_only_queries_is_not_usable(server: Server, cluster: Cluster) -> None:
    server.endpoints[1].faults.add(hung("query"))
    eventually(lambda: bool(cluster.run(read, Kind.POINT)) and len(cluster.endpoints.usable()) == 2)
    probed = server.endpoints[1].requests.counts()["query"]
    eventually(lambda: server.endpoints[1].requests.counts()["query"] > probed)
    assert server.urls[1] not in cluster.endpoints.usable()


def test_all_attempts_end_before_the_deadline_of_the_gateway() -> None:
    assert limits.BUDGET + limits.of_commit(0) + limits.OVERTIME < 10


def test_work_has_no_more_time_than_its_budget_and_that_of_the_outer_work(cluster: Cluster) -> None:
    def outer(_: Transaction) -> tuple[float, float]:
        return time_left(), cluster.run(lambda _: time_left(), budget=100.0)

    left, inner = cluster.run(outer, budget=5.0)
    assert 0 < inner <= left <= 5.0
    assert cluster.run(lambda _: time_left(), Kind.SCAN) > 100
    assert cluster.run(lambda _: time_left()) <= limits.BUDGET


def test_a_call_that_no_endpoint_answers_fails_within_its_budget(server: Server, cluster: Cluster) -> None:
    server.add_fault(hung())
    with pytest.raises(Unreachable):
        cluster.run(read, Kind.POINT, budget=0.5)
    server.clear_faults()


def test_wrong_keys_are_refused_after_one_attempt_at_each_endpoint(server: Server, cluster: Cluster) -> None:
    server.add_fault(refused(403, "AccessDenied", times=None))
    with server.counting() as counted, pytest.raises(Refused):
        cluster.run(add("x"))
    # The first use of an endpoint begins with a probe.
    assert 3 <= counted["begin"] + counted["probe"] <= 6


@pytest.mark.parametrize("operation", ["insert", "query"])
def test_a_malformed_request_is_sent_to_two_endpoints_only(
    server: Server, cluster: Cluster, operation: str
) -> None:
    server.add_fault(refused(400, "InvalidArgument", operation, times=None))
    with server.counting() as counted, pytest.raises(Refused):
        cluster.run(add("x") if operation == "insert" else read)
    assert 2 <= counted[operation] <= 4


def test_a_bucket_without_tables_is_not_a_conflict(server: Server, cluster: Cluster) -> None:
    server.add_fault(refused(409, "BucketNotTabular", "query", times=None))
    with server.counting() as counted, pytest.raises(Refused):
        cluster.run(read)
    assert 3 <= counted["query"] <= 6


def test_a_change_that_conflicts_is_repeated_up_to_its_attempts(server: Server, cluster: Cluster) -> None:
    server.add_fault(refused(409, "TabularConflict", "update", times=None))
    with server.counting() as counted, pytest.raises(Clash):
        cluster.run(change, attempts=3)
    assert counted["update"] == 3


def test_changes_of_many_rows_are_divided_into_several_requests(server: Server, cluster: Cluster) -> None:
    rows = pa.table({"id": pa.array(["x"] * 70_000), "n": pa.array(range(70_000))}, COLUMNS)

    def work(transaction: Transaction) -> None:
        transaction.insert("rows", rows)
        ids = transaction.select("rows", ["n"], EVERYTHING, kind=Kind.SCAN, row_ids=True)[ROW_ID]
        transaction.update("rows", pa.table({ROW_ID: ids, "n": pa.array([1] * len(ids))}))
        transaction.delete("rows", ids)
        transaction.commit()

    with server.counting() as counted:
        cluster.run(work)
    assert cluster.run(read) == []
    assert counted["update"] == counted["delete"] == 2


@pytest.mark.parametrize("kind", [Kind.POINT, Kind.PAGE, Kind.SCAN, None])
def test_all_endpoints_get_a_share_of_each_kind_of_work(cluster: Cluster, kind: Kind | None) -> None:
    shares = Counter[str]()
    # On a busy machine, an endpoint may seem slow for a while. It gets its share later.
    while shares.total() < 600 and min(shares[endpoint] for endpoint in cluster.address.endpoints) < 6:
        with cluster.begin(kind) as transaction:
            shares[transaction.endpoint] += 1
    assert min(shares[endpoint] for endpoint in cluster.address.endpoints) >= 6


def test_a_process_that_starts_while_the_database_hangs_ends_abandoned_transactions_later(
    server: Server, cluster: Cluster, tmp_path: Path
) -> None:
    with cluster.begin() as transaction:
        ids = transaction.select("rows", ["n"], EVERYTHING, kind=Kind.POINT, row_ids=True)[ROW_ID]
        transaction.update("rows", pa.table({ROW_ID: ids, "n": pa.array([1] * len(ids))}))
        note = struct.pack("<Q", transaction.txid)
        (tmp_path / "dead.transactions").write_bytes(note)
        server.add_fault(hung())
        started = Cluster(
            address_of(server.urls), KEYS, journal=Journal(tmp_path), left_open=find_abandoned(tmp_path)
        )
        assert started.endings.count() == 1
        server.clear_faults()
        eventually(lambda: started.endings.count() == 0)
        cluster.run(change, attempts=1)
    started.close()
    assert list(tmp_path.iterdir()) == []


def test_open_transactions_are_noted_for_the_next_process(server: Server, tmp_path: Path) -> None:
    cluster = open_cluster(server, journal=Journal(tmp_path))
    server.add_fault(refused(500, "InternalError", "rollback", times=None))
    txid = leave_open(cluster)
    cluster.close()
    server.clear_faults()
    (found,) = find_abandoned(tmp_path)
    assert found.txids == [txid]
    found.close()


def test_a_long_transaction_is_kept_alive(
    server: Server, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepalive, "_SECONDS", 0.0)
    with cluster.begin(), server.counting() as counted:
        cluster.keep_alive.once()
    assert counted["get_transaction"] == 1
