"""Changes of missing rows, which a cluster may ignore or refuse."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest

from services.vast_client.cluster import Cluster
from services.vast_client.failures import Unknown
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind
from services.vast_client.tables import TableSpec
from services.vast_client.transactions.transaction import Transaction
from tests.support.vast.clusters import KEYS, address_of, vast_server

COLUMNS = pa.schema({"n": pa.int64()})
Change = Callable[[Transaction, list[int]], None]


def update(transaction: Transaction, ids: list[int]) -> None:
    values = [pa.array(ids, pa.uint64()), pa.array([7] * len(ids))]
    transaction.update("plain", pa.record_batch(values, names=["$row_id", "n"]))


def delete(transaction: Transaction, ids: list[int]) -> None:
    transaction.delete("plain", ids)


@contextmanager
def a_cluster(**options: Any) -> Iterator[Cluster]:
    with vast_server(**options) as server:
        cluster = Cluster(address_of(server.urls), KEYS)
        cluster.catalog.ensure([TableSpec("plain", COLUMNS)])
        with cluster.begin() as transaction:
            transaction.insert("plain", pa.record_batch([pa.array([1, 2])], schema=COLUMNS))
            transaction.commit()
        yield cluster
        cluster.close()


def rows(cluster: Cluster) -> list[int]:
    with cluster.begin(Kind.PAGE) as transaction:
        found = transaction.select("plain", ["n"], EVERYTHING, kind=Kind.PAGE)
        return sorted(found["n"].to_pylist())


@pytest.mark.parametrize(("change", "remaining"), [(update, [1, 7]), (delete, [1])])
def test_changes_of_missing_rows_are_ignored(change: Change, remaining: list[int]) -> None:
    with a_cluster() as cluster:
        with cluster.begin() as transaction:
            change(transaction, [1, 99])
            transaction.commit()
        assert rows(cluster) == remaining


@pytest.mark.parametrize("change", [update, delete])
def test_changes_of_missing_rows_are_refused(change: Change) -> None:
    with a_cluster(missing_rows="refused") as cluster:
        with cluster.begin() as transaction, pytest.raises(Unknown, match="no such row"):
            change(transaction, [1, 99])
        assert rows(cluster) == [1, 2]
