"""Creates and completes the tables at start, and caches their columns and sizes."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Final, Protocol, TypeVar

import pyarrow as pa
from vastdb import errors
from vastdb.table_metadata import TableMetadata, TableRef

from services.vast_client.connections.address import VastAddress
from services.vast_client.connections.connections import request_timeout
from services.vast_client.failures import Clash, CommitUnknown, Failure, Unknown, translated_sdk_errors
from services.vast_client.fitting import Unfit, check_version, differences
from services.vast_client.plans import Kind
from services.vast_client.tables import ProjectionSpec, TableSpec, TableStatistics
from services.vast_client.transactions.transaction import Transaction

T = TypeVar("T")


class Run(Protocol):
    """Runs work in a transaction, with retries. See `Cluster.run`."""

    def __call__(
        self, work: Callable[[Transaction], T], kind: Kind | None = None, *, budget: float | None = None
    ) -> T:
        """The result of the work. `kind` is the kind of its reads, None for changes."""
        ...


_log = logging.getLogger(__name__)
_ATTEMPTS: Final = 5
# The maximum age of cached row counts, which only determine how queries are divided.
_COUNT_SECONDS: Final = 10.0
# Short, because a read may wait for the columns of a table.
_LOAD_SECONDS: Final = 1.0
# Long, because no request waits for tables that are created at start.
_CREATE_SECONDS: Final = 120.0
_ROW_IDS: Final = {True: pa.decimal128(38, 0), False: pa.uint64()}


class Catalog:
    """The tables of one schema. Thread-safe.

    The table objects of the SDK need the columns of the table, and loading them for each read would double
    its requests. So they are cached, and loaded again if the server does not know a table or column.
    """

    def __init__(self, address: VastAddress, run: Run) -> None:
        self._address = address
        self._run = run
        self._cached: dict[str, TableMetadata] = {}
        # The statistics of each table, and the monotonic time of loading them.
        self._counted: dict[str, tuple[float, TableStatistics]] = {}

    def ensure(self, specs: Sequence[TableSpec]) -> dict[str, list[str]]:
        """Create missing tables, columns and projections; returns the added columns of existing tables.

        Nothing is dropped. Several processes may do so at the same time. Unfit if the cluster is too old, or
        if an existing table has other types or another sort order.
        """
        added: dict[str, list[str]] = {}
        self.refresh()
        for attempt in range(_ATTEMPTS):
            try:
                added = self._run(
                    lambda transaction: self._complete(transaction, specs), budget=_CREATE_SECONDS
                )
                break
            except (Clash, CommitUnknown):
                # The next attempt finds what is still missing.
                if attempt == _ATTEMPTS - 1:
                    raise
            except Unfit:
                # Before VAST 5.5 a failed call looks like a table without sort order, so check it twice.
                if attempt:
                    raise
        for table in added:
            self._cached.pop(table, None)
        self._ensure_projections(specs)
        return added

    def metadata(self, table: str) -> TableMetadata:
        """The metadata object of the SDK for the table. Unknown if the table does not exist."""
        metadata = self._cached.get(table)
        return metadata if metadata is not None else self._loaded(table)

    def query_schema(self, table: str, columns: Collection[str], *, row_ids: bool) -> pa.Schema:
        """All columns of the table, with `row_ids` also `$row_id` as the first one.

        Unknown if the table does not have some of `columns`.
        """
        metadata = self.metadata(table)
        if not set(columns) <= set(metadata.arrow_schema.names):
            self._cached.pop(table, None)  # another process may have added them
            metadata = self.metadata(table)
        if missing := set(columns).difference(metadata.arrow_schema.names):
            raise Unknown(f"the table {table} has no column {', '.join(sorted(missing))}")
        if not row_ids:
            return metadata.arrow_schema
        return pa.schema([pa.field("$row_id", self.row_id_type(table)), *metadata.arrow_schema])

    def row_id_type(self, table: str) -> pa.DataType:
        """The Arrow type of the row ids of a table."""
        return _ROW_IDS[bool(self.metadata(table).non_updatable_column_names())]

    def rows(self, table: str) -> int:
        """The cached number of rows of a table, 0 if unknown. It sends no request."""
        counted = self._counted.get(table)
        return counted[1].rows if counted else 0

    def statistics(self, table: str) -> TableStatistics:
        """The number of rows and bytes of a table, at most 10 s old."""
        counted = self._counted.get(table)
        if counted is None or monotonic() - counted[0] > _COUNT_SECONDS:
            self._loaded(table)
            counted = self._counted[table]
        return counted[1]

    def refresh(self) -> None:
        """Clear the cache."""
        self._cached.clear()
        self._counted.clear()

    def any_table(self) -> TableMetadata | None:
        """Some table in the cache; None if the cache is empty. It sends no request."""
        return next(iter(self._cached.copy().values()), None)

    def note_failure(self, failure: Failure) -> None:
        """Clear the cache of columns if the server does not know a table or column."""
        if isinstance(failure, Unknown):
            self._cached.clear()

    def _loaded(self, table: str) -> TableMetadata:
        def load(transaction: Transaction) -> TableMetadata:
            with translated_sdk_errors(), request_timeout(_LOAD_SECONDS):
                return self._load(transaction, table)

        metadata = self._cached[table] = self._run(load, Kind.POINT)
        return metadata

    def _load(self, transaction: Transaction, table: str) -> TableMetadata:
        address = self._address
        metadata = TableMetadata(TableRef(address.bucket, address.schema, table))
        metadata.load(transaction.raw)
        if len(metadata.arrow_schema) == 0:
            raise Unknown(f"there is no table {table}")
        stats = metadata.stats
        if stats is not None:
            self._counted[table] = (monotonic(), TableStatistics(stats.num_rows, stats.size_in_bytes))
        return metadata

    def _complete(self, transaction: Transaction, specs: Sequence[TableSpec]) -> dict[str, list[str]]:
        address = self._address
        added: dict[str, list[str]] = {}
        unfit: list[str] = []
        with translated_sdk_errors(), existing():
            check_version(transaction.raw._rpc.features.vast_version)  # noqa: SLF001 - not available elsewhere
            bucket = transaction.raw.bucket(address.bucket)
            schema = bucket.schema(address.schema, fail_if_missing=False)
            schema = schema or bucket.create_schema(address.schema)
            present = set(schema.tablenames())
            for spec in specs:
                if spec.name not in present:
                    schema.create_table(spec.name, spec.columns, sorting_key=list(spec.sorted_by))
                    continue
                metadata = self._cached[spec.name] = self._load(transaction, spec.name)
                unfit += differences(spec, metadata.arrow_schema, sorted_columns(metadata))
                missing = _missing_columns(spec, metadata)
                if missing and not unfit:
                    schema.table(spec.name).add_column(pa.schema(missing))
                    added[spec.name] = [field.name for field in missing]
        if unfit:
            raise Unfit("; ".join(unfit))
        transaction.commit()
        return added

    def _ensure_projections(self, specs: Sequence[TableSpec]) -> None:
        """Create missing projections. Without them queries only take longer, so failures are only logged."""
        required = {spec.name: list(spec.projections) for spec in specs if spec.projections}
        try:
            self._create_projections(required)
        except Failure:
            # Each in its own transaction, so that one failure does not prevent the others.
            for table, projections in required.items():
                for projection in projections:
                    try:
                        self._create_projections({table: [projection]})
                    except Failure as failure:
                        fields = {"table": table, "projection": projection.name, "reason": str(failure)}
                        _log.warning("cannot create a projection", extra=fields)

    def _create_projections(self, required: Mapping[str, Sequence[ProjectionSpec]]) -> None:
        metadata = {table: self.metadata(table) for table in required}

        def create(transaction: Transaction) -> None:
            missing: list[tuple[str, ProjectionSpec]] = []
            with translated_sdk_errors(), existing():
                for table, projections in required.items():
                    present = transaction.raw.table_from_metadata(metadata[table]).projections()
                    names = {projection.name for projection in present}
                    missing += ((table, spec) for spec in projections if spec.name not in names)
                for table, spec in missing:
                    schema = transaction.raw.bucket(self._address.bucket).schema(self._address.schema)
                    schema.table(table).create_projection(spec.name, list(spec.sorted_by), list(spec.also))
            if missing:
                transaction.commit()

        self._run(create, budget=_CREATE_SECONDS)


def sorted_columns(metadata: TableMetadata) -> list[str]:
    """The names of the columns by which a table is sorted."""
    fields = metadata._sorted_columns  # noqa: SLF001 - its property raises if there are none
    return [field.name for field in fields or ()]


def _missing_columns(spec: TableSpec, metadata: TableMetadata) -> list[pa.Field]:
    present = set(metadata.arrow_schema.names)
    missing = [field for field in spec.columns if field.name not in present]
    if missing:
        _log.info("adding columns", extra={"table": spec.name, "columns": [f.name for f in missing]})
    return missing


class existing:  # noqa: N801 - reads as a statement
    """Raises Clash if another process created the same table meanwhile, so that the work is repeated."""

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, errors.Exists):
            raise Clash(str(error)) from error
