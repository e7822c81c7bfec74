"""Filters and rows that are too large for one request, in parts."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from services.shared.vast.failures import Refused
from services.shared.vast.filters import And, Filter, In

# Each value of a list costs the SDK some 45 µs and the request 150 bytes.
_LIST: Final = 100
_BODY_BYTES: Final = 4_000_000


def short(where: Filter) -> list[Filter]:
    """The filter, as several with shorter lists that together let the same rows pass, each once."""
    terms = where.filters if isinstance(where, And) else (where,)
    for position, term in enumerate(terms):
        if isinstance(term, In) and len(term.values) > _LIST:
            values = tuple(dict.fromkeys(term.values))
            before, after = terms[:position], terms[position + 1 :]
            return [
                shorter
                for first in range(0, len(values), _LIST)
                for shorter in short(And((*before, In(term.column, values[first : first + _LIST]), *after)))
            ]
    return [where]


def slices(rows: pa.RecordBatch | pa.Table) -> Iterator[pa.RecordBatch]:
    """Rows in parts that fit a request body; Refused when one row does not."""
    batch = _one_batch(rows)
    if batch.num_rows == 0:
        return
    if batch.nbytes <= _BODY_BYTES:
        yield batch
        return
    if batch.num_rows == 1:
        raise Refused("a row is larger than a request may be")
    half = batch.num_rows // 2
    yield from slices(batch.slice(0, half))
    yield from slices(batch.slice(half))


def _one_batch(rows: pa.RecordBatch | pa.Table) -> pa.RecordBatch:
    if isinstance(rows, pa.RecordBatch):
        return rows
    batches = rows.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], rows.schema)
