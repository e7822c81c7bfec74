"""Rows for readers of the tables on VAST, written without the service that owns them."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as pa

from services.metadata.adapters.vast.schema import COLUMNS, TABLES
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import EVERYTHING, Equal
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import ROW_ID, Transaction
from tests.support.tables.sqlite import PlacedRow, Segment

WRITTEN: Final = ("flows", "segments", "objects", "object_accesses", "object_copies", "trash")


class VastTableWriter:
    """Writes rows as `TableWriter` does; each method is one transaction. Missing tables are created."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._storages: dict[int, str] = {}
        self._timelines: dict[str, int] = {}
        cluster.catalog.ensure([TABLES[name] for name in WRITTEN])

    def clear(self) -> None:
        """Remove every row."""
        self._change(_clear)

    def flow(self, flow_id: str, segments: Sequence[Segment] = (), *, end_inclusive: bool = False) -> None:
        """Add a flow with these segments, each with its start and exclusive end."""
        timeline = self._timelines.setdefault(flow_id, len(self._timelines))
        row = {"id": flow_id, "timeline": timeline, "segments": 0, "end_inclusive": end_inclusive}
        self._change(lambda transaction: _insert(transaction, "flows", [row]))
        self.segments(flow_id, segments)

    def segments(self, flow_id: str, segments: Sequence[Segment]) -> None:
        """Add segments of a flow, and change its statistics."""
        timeline = self._timelines[flow_id]
        rows = pa.table({
            "flow": pa.array([timeline] * len(segments), pa.int64()),
            "start_ns": pa.array([start for start, _ in segments], pa.int64()),
            "end_ns": pa.array([end for _, end in segments], pa.int64()),
        })  # fmt: skip

        def change(transaction: Transaction) -> None:
            transaction.insert("segments", rows)
            ends = ["start_ns", "end_ns"]
            found = transaction.select("segments", ends, Equal("flow", timeline), kind=Kind.PAGE).to_pylist()
            if found:
                statistics = {
                    "segments": len(found),
                    "start_ns": min(row["start_ns"] for row in found),
                    "end_ns": max(row["end_ns"] for row in found),
                    "longest_ns": min(2**63 - 1, max(row["end_ns"] - row["start_ns"] for row in found)),
                }
                _update(transaction, flow_id, statistics)

        self._change(change)

    def storage(self, row: int, storage_id: str) -> None:
        """Add a storage backend."""
        self._storages[row] = storage_id

    def objects(self, objects: Sequence[tuple[str, int | None, int | None, str]]) -> None:
        """Add objects, each with its id, number of the storage, size and state."""
        ids, storages, sizes, states = zip(*objects, strict=True)
        rows = pa.table({
            "id": pa.array(ids),
            "storage_id": pa.array([self._storages.get(number) for number in storages], pa.string()),
            "size": pa.array(sizes, pa.int64()),
            "state": pa.array(states),
        })  # fmt: skip
        self._change(lambda transaction: transaction.insert("objects", rows))

    def placed(self, objects: Sequence[PlacedRow]) -> None:
        """Add registered objects with their ETags and accesses, each number in two rows."""
        rows = [
            {
                "id": row.id, "storage_id": self._storages[row.storage], "storage_path": row.storage_path,
                "size": row.size, "etag": row.etag, "state": "registered",
            }
            for row in objects
        ]  # fmt: skip
        accesses = [
            {"object_id": row.id, "urls": urls, "last_ms": row.last_ms}
            for row in objects
            for urls in (1, row.urls - 1)
            if row.urls and urls
        ]

        def change(transaction: Transaction) -> None:
            _insert(transaction, "objects", rows)
            if accesses:
                _insert(transaction, "object_accesses", accesses)

        self._change(change)

    def copies(self, copies: Sequence[tuple[str, int, str]]) -> None:
        """Add copies, each with the id of its object, number of the storage and state."""
        rows = [
            {"object_id": one, "storage_id": self._storages[number], "storage_path": "copy", "state": state}
            for one, number, state in copies
        ]

        def change(transaction: Transaction) -> None:
            _insert(transaction, "object_copies", rows)
            for row in rows:
                if row["state"] == "stored":
                    places = json.dumps([[row["storage_id"], row["storage_path"]]])
                    where = Equal("id", row["object_id"])
                    found = transaction.select("objects", ["id"], where, kind=Kind.POINT, row_ids=True)
                    columns = {ROW_ID: found[ROW_ID], "copies": pa.array([places], pa.string())}
                    transaction.update("objects", pa.table(columns))

        self._change(change)

    def _change(self, work: Callable[[Transaction], None]) -> None:
        def change(transaction: Transaction) -> None:
            work(transaction)
            transaction.commit()

        self._cluster.run(change)

    def close(self) -> None:
        """Close the connections."""
        self._cluster.close()


def _clear(transaction: Transaction) -> None:
    for table in WRITTEN:
        rows = transaction.select(table, COLUMNS[table][:1], EVERYTHING, kind=Kind.PAGE, row_ids=True)
        transaction.delete(table, rows[ROW_ID])


def _insert(transaction: Transaction, table: str, rows: list[dict[str, Any]]) -> None:
    transaction.insert(table, pa.RecordBatch.from_pylist(rows, TABLES[table].columns))


def _update(transaction: Transaction, flow_id: str, values: dict[str, int]) -> None:
    found = transaction.select("flows", ["id"], Equal("id", flow_id), kind=Kind.POINT, row_ids=True)
    columns = {name: pa.array([value], pa.int64()) for name, value in values.items()}
    transaction.update("flows", pa.table({ROW_ID: found[ROW_ID], **columns}))
