"""Arrow messages in request bodies and replies."""

import numpy as np
import pyarrow as pa

from simulators.vast.http.refusals import bad_request
from simulators.vast.tables.segments import RowIds
from simulators.vast.tables.table import ROW_ID


def read_schema(body: bytes) -> pa.Schema:
    """Returns the schema of a body that is a schema message alone; raises Refusal (400)."""
    try:
        return pa.ipc.read_schema(pa.py_buffer(body))
    except pa.ArrowInvalid as error:
        raise bad_request("InvalidArgument", f"The body is no Arrow schema: {error}") from error


def read_batch(body: bytes) -> pa.RecordBatch:
    """Returns the one record batch of a body; raises Refusal (400)."""
    try:
        (batch,) = pa.ipc.open_stream(body)
    except (pa.ArrowInvalid, ValueError) as error:
        raise bad_request("InvalidArgument", f"The body is not one Arrow record batch: {error}") from error
    return batch


def write_batch(batch: pa.RecordBatch) -> bytes:
    """Returns a stream that holds one batch."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream


def write_row_ids(ids: RowIds, row_id_type: pa.DataType) -> bytes:
    """Returns the reply to an insert."""
    return write_batch(pa.record_batch({ROW_ID: row_id_array(ids, row_id_type)}))


def row_id_array(ids: RowIds, row_id_type: pa.DataType) -> pa.Array:
    """Returns row ids in the type the table sends them in."""
    return pa.array(ids, pa.uint64()).cast(row_id_type)


def take_row_ids(batch: pa.RecordBatch) -> tuple[RowIds, pa.RecordBatch]:
    """Splits a batch into its row ids and its other columns; raises Refusal (400)."""
    if not batch.schema.names or batch.schema.names[0] != ROW_ID:
        raise bad_request("InvalidArgument", f"The first column must be {ROW_ID}")
    try:
        ids = batch.column(0).cast(pa.uint64()).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise bad_request("InvalidArgument", f"Row ids of a wrong type: {error}") from error
    if len(ids) and not ascending(ids):
        raise bad_request("InvalidArgument", "Found duplicate row ids or not in ascending order")
    return ids, batch.select(range(1, batch.num_columns))


def ascending(ids: RowIds) -> bool:
    """Whether each id is larger than the one before."""
    return bool(np.all(ids[1:] > ids[:-1]))
