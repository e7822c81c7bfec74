"""Immutable versions of tables. Each change returns a new version."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from simulators.vast.http.refusals import bad_request, conflict, not_found
from simulators.vast.tables import segments as rows
from simulators.vast.tables.segments import RowIds, Segment, Segments

ROW_ID = "$row_id"
EXTERNAL_ROW_ID = "vastdb_rowid"


@dataclass(frozen=True)
class Projection:
    """A further sort order over some columns."""

    name: str
    sorted_columns: tuple[str, ...]
    other_columns: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, sorted ones first."""
        return self.sorted_columns + self.other_columns


@dataclass(frozen=True)
class VectorIndex:
    """The description of a vector index. Searches by it are not part of this protocol."""

    column: str
    metric: str
    cluster_quantization: str
    search_quantization: str


@dataclass(frozen=True)
class Table:
    """A version of a table: columns, rows, sorting key, projections and vector index."""

    handle: int
    schema: pa.Schema
    sorting_key: tuple[str, ...] = ()
    vector_index: VectorIndex | None = None
    external_ids: bool = False
    properties: str = ""
    projections: tuple[Projection, ...] = ()
    segments: Segments = ()

    @property
    def row_id_type(self) -> pa.DataType:
        """The type of row ids in messages, which is wider for sorted and vector tables."""
        wide = self.sorting_key or self.vector_index
        return pa.decimal128(38, 0) if wide else pa.uint64()

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return sum(len(segment.ids) for segment in self.segments)

    @property
    def size_in_bytes(self) -> int:
        """The size of the values in bytes."""
        return sum(segment.batch.nbytes for segment in self.segments)

    @property
    def fixed_columns(self) -> set[str]:
        """Columns whose values cannot be updated."""
        vector = {self.vector_index.column} if self.vector_index else set()
        return vector | set(self.sorting_key)

    def field(self, name: str) -> pa.Field:
        """Returns the field of a column; raises Refusal (404) if it does not exist."""
        index = self.schema.get_field_index(name)
        if index < 0:
            raise not_found("TabularNoSuchColumn", f"There is no column {name}")
        return self.schema.field(index)

    def insert(self, ids: RowIds, batch: pa.RecordBatch, *, external: bool) -> "Table":
        """Returns the table with rows added; columns that the batch lacks are null."""
        self._must_have(batch.schema.names)
        columns = [self._filled(field, ids, batch) for field in self.schema]
        whole = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        added = rows.insert(self.segments, Segment(ids, whole))
        return replace(self, segments=added, external_ids=self.external_ids or external)

    def update(self, ids: RowIds, values: pa.RecordBatch) -> "Table":
        """Returns the table with some columns of some rows replaced."""
        self._must_have(values.schema.names)
        return replace(self, segments=rows.update(self.segments, ids, values))

    def delete(self, ids: RowIds) -> "Table":
        """Returns the table without some rows."""
        return replace(self, segments=rows.delete(self.segments, ids))

    def add_columns(self, fields: Sequence[pa.Field]) -> "Table":
        """Returns the table with columns added, null in every row."""
        for field in fields:
            if self.schema.get_field_index(field.name) >= 0:
                raise conflict(f"Column {field.name} exists")
        names = [*self.schema, *fields]
        return self._reshaped(
            pa.schema(names),
            lambda batch: [*batch.columns, *(pa.nulls(batch.num_rows, f.type) for f in fields)],
        )

    def drop_columns(self, names: Sequence[str]) -> "Table":
        """Returns the table without some columns."""
        dropped = {self.field(name).name for name in names}
        used = {column for projection in self.projections for column in projection.columns}
        if dropped & (self.fixed_columns | used):
            raise bad_request(
                "InvalidArgument", "A column of the sorting key, an index or a projection stays"
            )
        kept = [name for name in self.schema.names if name not in dropped]
        if not kept:
            raise bad_request("InvalidArgument", "A table keeps at least one column")
        schema = pa.schema([self.schema.field(name) for name in kept])
        return self._reshaped(schema, lambda batch: [batch.column(name) for name in kept])

    def rename_column(self, old: str, new: str) -> "Table":
        """Returns the table with a renamed column, also in its key and projections."""
        self.field(old)
        if self.schema.get_field_index(new) >= 0:
            raise conflict(f"Column {new} exists")

        def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(new if name == old else name for name in names)

        schema = pa.schema([f.with_name(new) if f.name == old else f for f in self.schema])
        projections = tuple(
            Projection(p.name, renamed(p.sorted_columns), renamed(p.other_columns)) for p in self.projections
        )
        index = self.vector_index
        if index is not None and index.column == old:
            index = replace(index, column=new)
        table = self._reshaped(schema, lambda batch: batch.columns)
        return replace(
            table, sorting_key=renamed(self.sorting_key), projections=projections, vector_index=index
        )

    def _reshaped(self, schema: pa.Schema, columns: Callable[[pa.RecordBatch], list[pa.Array]]) -> "Table":
        def reshape(batch: pa.RecordBatch) -> pa.RecordBatch:
            return pa.RecordBatch.from_arrays(columns(batch), schema=schema)

        segments = tuple(Segment(ids, reshape(batch)) for ids, batch in self.segments)
        return replace(self, schema=schema, segments=segments)

    def _must_have(self, names: Sequence[str]) -> None:
        """Checks at a commit that no other transaction has renamed or dropped a column that was written."""
        for name in names:
            self.field(name)

    def _filled(self, field: pa.Field, ids: RowIds, batch: pa.RecordBatch) -> pa.Array:
        index = batch.schema.get_field_index(field.name)
        if index >= 0:
            return batch.column(index)
        if field.name == EXTERNAL_ROW_ID:
            return pa.array(ids).cast(field.type)
        return pa.nulls(len(ids), field.type)
