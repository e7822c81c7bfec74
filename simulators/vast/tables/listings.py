"""FlatBuffers replies: listings of schemas, tables and projections, and statistics."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flatbuffers import Builder
from vastdb.vast_flatbuf.tabular import (
    GetProjectionTableStatsResponse as fb_projection_stats,
)
from vastdb.vast_flatbuf.tabular import GetTableStatsResponse as fb_table_stats
from vastdb.vast_flatbuf.tabular import ListProjectionsResponse as fb_projections
from vastdb.vast_flatbuf.tabular import ListSchemasResponse as fb_schemas
from vastdb.vast_flatbuf.tabular import ListTablesResponse as fb_tables
from vastdb.vast_flatbuf.tabular import ObjectDetails as fb_object
from vastdb.vast_flatbuf.tabular import VectorIndexMetadata as fb_vector_index
from vastdb.vast_flatbuf.tabular import VipRange as fb_vip_range

from simulators.vast.tables.table import Table, VectorIndex

# The high bit says that sorting is done, the rest is a score; everything here is sorted at once.
SORTING_DONE = -(1 << 63)
_DISTANCE_FUNCTIONS = {"l2sq": "array_distance", "ip": "array_negative_inner_product"}


@dataclass(frozen=True)
class Entry:
    """One line of a listing."""

    name: str
    properties: str = ""
    handle: int = 0
    rows: int = 0
    size: int = 0
    sorting: bool = False


def table_entry(name: str, table: Table) -> Entry:
    """Returns the line of a table."""
    return Entry(
        name, table.properties, table.handle, table.row_count, table.size_in_bytes, bool(table.sorting_key)
    )


def list_schemas(bucket: str, entries: Iterable[Entry]) -> bytes:
    """Returns a ListSchemasResponse."""
    builder = Builder(1024)
    vector = _objects(builder, entries, fb_schemas.StartSchemasVector)
    bucket_name = builder.CreateString(bucket)
    fb_schemas.Start(builder)
    fb_schemas.AddBucketName(builder, bucket_name)
    fb_schemas.AddSchemas(builder, vector)
    return _finished(builder, fb_schemas.End(builder))


def list_tables(bucket: str, schema: str, entries: Iterable[Entry]) -> bytes:
    """Returns a ListTablesResponse."""
    builder = Builder(1024)
    vector = _objects(builder, entries, fb_tables.StartTablesVector)
    bucket_name, schema_name = builder.CreateString(bucket), builder.CreateString(schema)
    fb_tables.Start(builder)
    fb_tables.AddBucketName(builder, bucket_name)
    fb_tables.AddSchemaName(builder, schema_name)
    fb_tables.AddTables(builder, vector)
    return _finished(builder, fb_tables.End(builder))


def list_projections(bucket: str, schema: str, table: str, entries: Iterable[Entry]) -> bytes:
    """Returns a ListProjectionsResponse."""
    builder = Builder(1024)
    vector = _objects(builder, entries, fb_projections.StartProjectionsVector)
    names = [builder.CreateString(name) for name in (bucket, schema, table)]
    fb_projections.Start(builder)
    fb_projections.AddBucketName(builder, names[0])
    fb_projections.AddSchemaName(builder, names[1])
    fb_projections.AddTableName(builder, names[2])
    fb_projections.AddProjections(builder, vector)
    return _finished(builder, fb_projections.End(builder))


def table_stats(table: Table, vips: Iterable[str]) -> bytes:
    """Returns a GetTableStatsResponse; vips are the addresses that serve data."""
    builder = Builder(1024)
    ranges = [_vip_range(builder, vip) for vip in vips]
    addresses = _vector(builder, ranges, fb_table_stats.StartVipsVector)
    index = _vector_index(builder, table.vector_index) if table.vector_index else None
    fb_table_stats.Start(builder)
    fb_table_stats.AddNumRows(builder, table.row_count)
    fb_table_stats.AddSizeInBytes(builder, table.size_in_bytes)
    fb_table_stats.AddIsExternalRowidAlloc(builder, table.external_ids)
    fb_table_stats.AddVips(builder, addresses)
    fb_table_stats.AddSortingKeyEnabled(builder, bool(table.sorting_key))
    fb_table_stats.AddSortingScore(builder, SORTING_DONE if table.sorting_key else 0)
    if index is not None:
        fb_table_stats.AddVectorIndexMetadata(builder, index)
    return _finished(builder, fb_table_stats.End(builder))


def projection_stats(rows: int, size: int, progress: int) -> bytes:
    """Returns a GetProjectionTableStatsResponse of a projection that is built so far, in percent."""
    builder = Builder(64)
    fb_projection_stats.Start(builder)
    fb_projection_stats.AddNumRows(builder, rows)
    fb_projection_stats.AddSizeInBytes(builder, size)
    fb_projection_stats.AddInitialSyncProgress(builder, progress)
    return _finished(builder, fb_projection_stats.End(builder))


def _objects(builder: Builder, entries: Iterable[Entry], start: Callable[[Builder, int], int]) -> int:
    return _vector(builder, [_object(builder, entry) for entry in entries], start)


def _object(builder: Builder, entry: Entry) -> int:
    name, properties, handle = (
        builder.CreateString(s) for s in (entry.name, entry.properties, str(entry.handle))
    )
    fb_object.Start(builder)
    fb_object.AddName(builder, name)
    fb_object.AddProperties(builder, properties)
    fb_object.AddHandle(builder, handle)
    fb_object.AddNumRows(builder, entry.rows)
    fb_object.AddSizeInBytes(builder, entry.size)
    fb_object.AddSortingKeyEnabled(builder, entry.sorting)
    fb_object.AddSortingScore(builder, SORTING_DONE if entry.sorting else 0)
    return int(fb_object.End(builder))


def _vip_range(builder: Builder, address: str) -> int:
    start = builder.CreateString(address)
    fb_vip_range.Start(builder)
    fb_vip_range.AddStartAddress(builder, start)
    fb_vip_range.AddAddressCount(builder, 1)
    return int(fb_vip_range.End(builder))


def _vector_index(builder: Builder, index: VectorIndex) -> int:
    column, metric, function, cluster, search = (
        builder.CreateString(text)
        for text in (
            index.column,
            index.metric,
            _DISTANCE_FUNCTIONS[index.metric],
            index.cluster_quantization,
            index.search_quantization,
        )
    )
    fb_vector_index.Start(builder)
    fb_vector_index.AddColumnName(builder, column)
    fb_vector_index.AddDistanceMetric(builder, metric)
    fb_vector_index.AddSqlFunctionName(builder, function)
    fb_vector_index.AddClusterQuantization(builder, cluster)
    fb_vector_index.AddSearchQuantization(builder, search)
    return int(fb_vector_index.End(builder))


def _vector(builder: Builder, offsets: list[int], start: Callable[[Builder, int], int]) -> int:
    start(builder, len(offsets))
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _finished(builder: Builder, root: int) -> bytes:
    builder.Finish(root)
    return bytes(builder.Output())
