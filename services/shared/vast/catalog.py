"""What the tables look like: made or completed at start, remembered afterwards."""

import logging
from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import Any, Final

import pyarrow as pa
from vastdb import errors
from vastdb.table_metadata import TableMetadata, TableRef

from services.shared.vast.address import VastAddress
from services.shared.vast.failures import Clash, CommitUnknown, Failure, Unknown, told
from services.shared.vast.tables import ProjectionSpec, TableSpec, TableStatistics
from services.shared.vast.transaction import Transaction

# Runs work in a transaction, again if need be.
Run = Callable[[Callable[[Transaction], Any]], Any]

_log = logging.getLogger(__name__)
_ATTEMPTS: Final = 5
# Row counts only size queries: how old they may be.
_COUNT_SECONDS: Final = 10.0
_ROW_IDS: Final = {True: pa.decimal128(38, 0), False: pa.uint64()}


class Catalog:
    """Tables of one schema. Thread-safe.

    Every use of the SDK's table objects needs the table's columns; asking for them each time would double
    the requests of a read. They are loaded once, and again when the server does not know a table or column.
    """

    def __init__(self, address: VastAddress, run: Run) -> None:
        self._address = address
        self._run = run
        self._known: dict[str, TableMetadata] = {}
        self._counted: dict[str, tuple[float, TableStatistics]] = {}

    def ensure(self, specs: Sequence[TableSpec]) -> None:
        """Make missing tables and columns; nothing is dropped. Several processes may do so at once."""
        for attempt in range(_ATTEMPTS):
            try:
                self._run(lambda transaction: self._complete(transaction, specs))
                break
            except (Clash, CommitUnknown):
                # Whatever became of it, the next look tells what is missing.
                if attempt == _ATTEMPTS - 1:
                    raise
        self._known.clear()
        for spec in specs:
            for projection in spec.projections:
                self._project(spec.name, projection)

    def metadata(self, table: str) -> TableMetadata:
        """The table as the SDK wants it; Unknown when there is none."""
        found = self._known.get(table)
        if found is None:
            found = self._run(lambda transaction: self._load(transaction, table))
            self._known[table] = found
        return found

    def query_schema(self, table: str, columns: Collection[str], *, row_ids: bool) -> pa.Schema:
        """The table's columns, with that of row ids in front if asked; Unknown when some are not there."""
        metadata = self.metadata(table)
        if not set(columns) <= set(metadata.arrow_schema.names):
            self._known.pop(table, None)  # somebody may have added them
            metadata = self.metadata(table)
        if absent := set(columns).difference(metadata.arrow_schema.names):
            raise Unknown(f"the table {table} has no column {', '.join(sorted(absent))}")
        if not row_ids:
            return metadata.arrow_schema
        return pa.schema([pa.field("$row_id", self.row_id_type(table)), *metadata.arrow_schema])

    def row_id_type(self, table: str) -> pa.DataType:
        """The type of a table's row ids."""
        return _ROW_IDS[bool(self.metadata(table).non_updatable_column_names())]

    def rows(self, table: str) -> int:
        """About how many rows a table has, as known; asks nothing."""
        counted = self._counted.get(table)
        return counted[1].rows if counted else 0

    def statistics(self, table: str) -> TableStatistics:
        """What the server counts, at most some seconds old."""
        counted = self._counted.get(table)
        if counted is None or monotonic() - counted[0] > _COUNT_SECONDS:
            self._known[table] = self._run(lambda transaction: self._load(transaction, table))
            counted = self._counted[table]
        return counted[1]

    def refresh(self) -> None:
        """Forget what is known: the next use asks again."""
        self._known.clear()
        self._counted.clear()

    def suspect(self, failure: Failure) -> None:
        """Forget what is known when the server does not know a table or column."""
        if isinstance(failure, Unknown):
            self._known.clear()

    def _load(self, transaction: Transaction, table: str) -> TableMetadata:
        address = self._address
        metadata = TableMetadata(TableRef(address.bucket, address.schema, table))
        with told():
            metadata.load(transaction.raw)
        if len(metadata.arrow_schema) == 0:
            raise Unknown(f"there is no table {table}")
        stats = metadata.stats
        if stats is not None:
            self._counted[table] = (monotonic(), TableStatistics(stats.num_rows, stats.size_in_bytes))
        return metadata

    def _complete(self, transaction: Transaction, specs: Sequence[TableSpec]) -> None:
        address = self._address
        with told(), _existing():
            bucket = transaction.raw.bucket(address.bucket)
            schema = bucket.schema(address.schema, fail_if_missing=False)
            schema = schema or bucket.create_schema(address.schema)
            present = set(schema.tablenames())
            for spec in specs:
                if spec.name not in present:
                    schema.create_table(spec.name, spec.columns, sorting_key=list(spec.sorted_by))
                else:
                    self._add_columns(schema.table(spec.name), spec)
        transaction.commit()

    @staticmethod
    def _add_columns(table: Any, spec: TableSpec) -> None:
        present = set(table.arrow_schema.names)
        missing = [field for field in spec.columns if field.name not in present]
        if missing:
            _log.info("adding columns", extra={"table": spec.name, "columns": [f.name for f in missing]})
            table.add_column(pa.schema(missing))

    def _project(self, table: str, projection: ProjectionSpec) -> None:
        """Make a projection if there is none. Without it answers are the same, only later."""

        def make(transaction: Transaction) -> None:
            address = self._address
            with told(), _existing():
                target = transaction.raw.bucket(address.bucket).schema(address.schema).table(table)
                if any(one.name == projection.name for one in target.projections()):
                    return
                target.create_projection(projection.name, list(projection.sorted_by), list(projection.also))
            transaction.commit()

        try:
            self._run(make)
        except Failure as failure:
            _log.warning("no projection", extra={"table": table, "reason": str(failure)})


class _existing:  # noqa: N801 - reads as a statement
    """What another process made in the meantime is a clash: the next look finds it."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, errors.Exists):
            raise Clash(str(error)) from error
