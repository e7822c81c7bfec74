"""Descriptions of tables and projections of the SDK."""

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from services.metadata.adapters.vast.schema import TABLES
from services.metadata.application.ports.administration import Column, Projection, Table
from services.vast_client.catalog import sorted_columns
from services.vast_client.failures import translated_sdk_errors
from services.vast_client.sdk import SdkProjection, SdkTable
from services.vast_client.transactions.transaction import Transaction

TYPES: Final = {
    "string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "binary": pa.binary(),
    "bool": pa.bool_(),
}  # fmt: skip
_TYPE_NAMES: Final = {arrow: name for name, arrow in TYPES.items()}
# Metadata of the columns of a projection, and the progress of a projection that queries can use.
_SORT_TYPE: Final = b"VAST:sort_type"
_SORT_INDEX: Final = b"VAST:sort_index"
_COMPLETE: Final = 100


def described_table(table: SdkTable) -> Table:
    """A table with its columns and size."""
    with translated_sdk_errors():
        stats, columns = table.stats, table.arrow_schema
    own = TABLES[table.name].columns.names if table.name in TABLES else ()
    described = [
        Column(field.name, _TYPE_NAMES.get(field.type, str(field.type)), field.name in own)
        for field in columns
    ]
    rows, size = (stats.num_rows, stats.size_in_bytes) if stats is not None else (0, 0)
    sorted_by = sorted_columns(table._metadata)  # noqa: SLF001 - its property raises if there are none
    return Table(table.name, described, table.name in TABLES, rows, size, sorted_by)


def described_projection(transaction: Transaction, table: str, projection: SdkProjection) -> Projection:
    """A projection with its columns and state."""
    own = TABLES[table].projections if table in TABLES else ()
    ref = projection.table_metadata.ref
    with translated_sdk_errors():
        columns = list(projection.columns())
        *_, progress = transaction.raw._rpc.api.get_projection_stats(  # noqa: SLF001 - the SDK has no other way
            ref.bucket, ref.schema, ref.table, projection.name, txid=transaction.txid
        )
    sorted_by = sorted(filter(_is_sorted, columns), key=_sort_index)
    also = [field.name for field in columns if field not in sorted_by]
    status = "ready" if progress >= _COMPLETE else f"building, {progress} %"
    is_own = any(spec.name == projection.name for spec in own)
    return Projection(projection.name, [field.name for field in sorted_by], also, is_own, status)


def column_names(table: SdkTable) -> list[str]:
    """The names of the columns of a table."""
    return list(table.arrow_schema.names)


def projection_names(projections: Iterable[SdkProjection]) -> list[str]:
    """The names of projections."""
    return [projection.name for projection in projections]


def _is_sorted(field: pa.Field) -> bool:
    return bool((field.metadata or {}).get(_SORT_TYPE) == b"Sorted")


def _sort_index(field: pa.Field) -> int:
    return int(field.metadata.get(_SORT_INDEX, b"0"))
