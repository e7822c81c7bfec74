"""Divides filters and rows that are too large for one request."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from services.vast_client.failures import Refused
from services.vast_client.filters.filters import And, Filter, In

# Each value of a list costs the SDK about 45 µs and adds 150 bytes to the request.
_MAX_LIST: Final = 500
_MAX_BODY_BYTES: Final = 4_000_000
# The clients of VAST change or delete at most this number of rows in one request.
MAX_ROWS: Final = 65_535


def with_short_lists(where: Filter) -> list[Filter]:
    """Filters with shorter lists, which together match the same rows; no row matches two of them."""
    terms = where.filters if isinstance(where, And) else (where,)
    for position, term in enumerate(terms):
        if isinstance(term, In) and len(term.values) > _MAX_LIST:
            values = tuple(dict.fromkeys(term.values))
            before, after = terms[:position], terms[position + 1 :]
            parts = (
                In(term.column, values[first : first + _MAX_LIST])
                for first in range(0, len(values), _MAX_LIST)
            )
            return [shorter for part in parts for shorter in with_short_lists(And((*before, part, *after)))]
    return [where]


def slices(rows: pa.RecordBatch | pa.Table, max_rows: int = 2**19) -> Iterator[pa.RecordBatch]:
    """The rows in batches of at most `max_rows` rows that fit into a request. Refused if a row does not."""
    batch = _one_batch(rows)
    if batch.num_rows == 0:
        return
    if batch.nbytes <= _MAX_BODY_BYTES and batch.num_rows <= max_rows:
        yield batch
        return
    if batch.num_rows == 1:
        raise Refused("a row is larger than a request may be")
    half = batch.num_rows // 2
    yield from slices(batch.slice(0, half), max_rows)
    yield from slices(batch.slice(half), max_rows)


def _one_batch(rows: pa.RecordBatch | pa.Table) -> pa.RecordBatch:
    if isinstance(rows, pa.RecordBatch):
        return rows
    batches = rows.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], rows.schema)
