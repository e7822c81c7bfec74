"""Reads the objects on VAST Database, without those that only segments in the trash use."""

from collections import Counter
from contextlib import closing
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.adapters.vast_copies import STATES_OF_COPIES, other_copies, stored_copies
from services.vast_client.filters.filters import EVERYTHING, Equal, In
from services.vast_client.plans import Kind
from services.vast_client.transactions.streams import Batches
from services.vast_client.transactions.transaction import Transaction

# Timelines in one request.
_TIMELINES: Final = 100
_STATES: Final = ("allocated", "registered", "unreferenced")
OBJECT: Final = pa.schema(
    {"storage_id": pa.string(), "size": pa.int64(), **dict.fromkeys(_STATES, pa.int64())}
)
_TEXTS: Final = ("object_id", "storage_id", "storage_path")
_NUMBERS: Final = ("urls", "last_ms")
CATALOG: Final = pa.schema(
    {
        **dict.fromkeys(_TEXTS, pa.string()),
        "size": pa.int64(),
        "etag": pa.string(),
        **dict.fromkeys(_NUMBERS, pa.int64()),
    }
)


def _in_trash(transaction: Transaction) -> Counter[str]:
    """The number of segments in the trash of each object. Mostly the trash is empty."""
    timelines = transaction.select("trash", ("timeline",), EVERYTHING, kind=Kind.SCAN)["timeline"].to_pylist()
    counts: Counter[str] = Counter()
    for start in range(0, len(timelines), _TIMELINES):
        where = In("flow", tuple(timelines[start : start + _TIMELINES]))
        with closing(transaction.stream("segments", ("flow", "object_id"), where)) as batches:
            for rows in batches:
                counts.update(rows["object_id"].to_pylist())
    return counts


def _used_elsewhere(rows: pa.RecordBatch, deleted: Counter[str]) -> pa.Array:
    """1 for objects with segments outside the trash, else 0."""
    pairs = zip(rows["id"].to_pylist(), rows["segments"].to_pylist(), strict=True)
    used = [int(object_id not in deleted or segments != deleted[object_id]) for object_id, segments in pairs]
    return pa.array(used, pa.int64())


def read_objects(transaction: Transaction) -> Batches:
    """All objects and their copies, those that only the trash uses as not registered."""
    deleted = _in_trash(transaction)
    columns = ("storage_id", "size", "state", "copies", *(("id", "segments") if deleted else ()))
    with closing(transaction.stream("objects", columns, EVERYTHING)) as batches:
        for rows in batches:
            # Rows from before the column existed count as registered, as in metadata.
            state = pc.fill_null(rows["state"], "registered")
            states = [pc.equal(state, name).cast(pa.int64()) for name in _STATES]
            if deleted:
                registered = _STATES.index("registered")
                states[registered] = pc.multiply(states[registered], _used_elsewhere(rows, deleted))
            ids = pc.fill_null(rows["storage_id"], "")
            batch = pa.RecordBatch.from_arrays([ids, rows["size"], *states], schema=OBJECT)
            yield batch
            if rows["copies"].null_count < len(rows):
                yield stored_copies(rows["copies"].to_pylist(), batch)
    unfinished = In("state", tuple(STATES_OF_COPIES))
    with closing(transaction.stream("object_copies", ("storage_id", "state"), unfinished)) as batches:
        for rows in batches:
            yield other_copies(rows, OBJECT)


def read_catalog(transaction: Transaction) -> Batches:
    """The objects of this store that segments outside the trash use, with their accesses.

    The accesses are in memory meanwhile, about 100 bytes for each object that has some.
    """
    deleted, accesses = _in_trash(transaction), _accesses(transaction)
    counted = ("segments",) if deleted else ()
    columns = ("id", "storage_id", "storage_path", "size", "etag", "state", *counted)
    with closing(transaction.stream("objects", columns, Equal("state", "registered"))) as batches:
        for batch in batches:
            rows = batch.filter(pc.is_valid(batch["storage_id"]))
            if deleted:
                rows = rows.filter(_used_elsewhere(rows, deleted).cast(pa.bool_()))
            found = pc.index_in(rows["id"], value_set=accesses["object_id"])
            numbers = [pc.fill_null(accesses[name].take(found), 0) for name in _NUMBERS]
            texts = rows["id"], rows["storage_id"], rows["storage_path"]
            arrays = [*texts, rows["size"], pc.fill_null(rows["etag"], ""), *numbers]
            yield pa.RecordBatch.from_arrays(arrays, schema=CATALOG)


def _accesses(transaction: Transaction) -> pa.RecordBatch:
    """The accesses to objects; the numbers of several rows of an object are added up."""
    columns = ("object_id", *_NUMBERS)
    with closing(transaction.stream("object_accesses", columns, EVERYTHING)) as batches:
        schema = pa.schema({"object_id": pa.string(), **dict.fromkeys(_NUMBERS, pa.int64())})
        table = pa.Table.from_batches([batch.select(columns) for batch in batches], schema)
    grouped = table.group_by("object_id").aggregate([("urls", "sum"), ("last_ms", "max")])
    named = grouped.select(["object_id", "urls_sum", "last_ms_max"]).rename_columns(list(columns))
    return (
        named.combine_chunks().to_batches()[0] if named.num_rows else pa.RecordBatch.from_pylist([], schema)
    )
