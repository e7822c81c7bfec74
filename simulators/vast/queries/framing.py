"""The stream that answers a query: prefixed Arrow messages, per sub-split and leaf, little endian."""

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache

import pyarrow as pa

from simulators.vast.queries.leaves import leaves

COMPLETED = 0xFFFFFFFE
FAILED = 0xFFFFFFFD
NO_MORE_ROWS = (1 << 48) - 1

_END_OF_STREAM = struct.pack("<LL", 0xFFFFFFFF, 0)


def framed(chunks: Iterable[tuple[int, int, pa.RecordBatch]]) -> bytes:
    """Returns the whole reply for (sub-split, next row id, rows) chunks."""
    parts: list[bytes] = []
    for stream, next_row, batch in chunks:
        prefix = struct.pack("<LQ", stream, next_row)
        for message in _messages(batch):
            parts += (prefix, message)
    return b"".join([*parts, struct.pack("<L", COMPLETED)])


def failed(code: int) -> bytes:
    """Returns the reply that says the query broke down on the server."""
    return struct.pack("<LQL", FAILED, code, 0)


def _messages(batch: pa.RecordBatch) -> Iterator[bytes]:
    if batch.num_columns == 0:
        yield from _stream(batch)
    for field, column in zip(batch.schema, batch.columns, strict=True):
        for leaf in leaves(column):
            yield from _stream(pa.RecordBatch.from_arrays([leaf], schema=_schema(field.with_type(leaf.type))))


def _stream(batch: pa.RecordBatch) -> Iterator[bytes]:
    yield _schema_message(batch.schema)
    yield batch.serialize().to_pybytes()
    yield _END_OF_STREAM


@lru_cache(maxsize=4096)
def _schema(field: pa.Field) -> pa.Schema:
    return pa.schema([field])


@lru_cache(maxsize=4096)
def _schema_message(schema: pa.Schema) -> bytes:
    return bytes(schema.serialize().to_pybytes())
