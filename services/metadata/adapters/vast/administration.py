"""Administration of the tables in a VAST schema."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import pyarrow as pa

from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import VastStore
from services.metadata.adapters.vast.workers import away
from services.metadata.application.ports.administration import Cache, Column, Endpoint, Projection, Table
from services.shared.vast.failures import Failure, told
from services.shared.vast.filters import In, IsNull, Not
from services.shared.vast.plans import Kind
from services.shared.vast.transaction import Transaction

T = TypeVar("T")

_TYPES: Final = {
    "string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "binary": pa.binary(),
    "bool": pa.bool_(),
}  # fmt: skip
_WORDS: Final = {arrow: word for word, arrow in _TYPES.items()}
# Tables whose rows running processes hold on to: a reset leaves them as they are.
_RUNNING: Final = frozenset({"locks", "counters", "writers"})


class VastAdministration:
    """The tables of one store."""

    engine = "vast"

    def __init__(self, store: VastStore) -> None:
        self._store = store
        self._cluster = store.cluster
        self._address = store.cluster.address

    @property
    def schema(self) -> str:
        """Bucket and schema."""
        return f"{self._address.bucket}/{self._address.schema}"

    async def tables(self) -> list[Table]:
        """All tables by name."""

        def read(transaction: Transaction) -> list[Table]:
            return sorted(
                (_table(one) for one in self._schema(transaction).tables()), key=lambda one: one.name
            )

        return await self._run(read)

    async def table(self, name: str) -> Table | None:
        """One table."""

        def read(transaction: Transaction) -> Table | None:
            schema = self._schema(transaction)
            return _table(schema.table(name)) if name in set(schema.tablenames()) else None

        return await self._run(read)

    def missing(self, present: Sequence[Table]) -> list[str]:
        """What the service needs and these tables lack."""
        found = {table.name: {column.name for column in table.columns} for table in present}
        return [
            name if column is None else f"{name}.{column}"
            for name, spec in sorted(TABLES.items())
            for column in (
                [one for one in spec.columns.names if one not in found[name]] if name in found else [None]
            )
        ]

    def endpoints(self) -> list[Endpoint]:
        """How each endpoint has been doing."""
        return [
            Endpoint(one.endpoint, one.latency_seconds, one.error_rate, one.open)
            for one in self._cluster.endpoints.health()
        ]

    def cache(self) -> Cache:
        """The cache of flows and sources."""
        found = self._store.cache.statistics()
        return Cache(found.entries, found.hits, found.misses)

    async def count_values(self, table: str, column: str) -> int:
        """Rows whose column is not NULL."""

        def count(transaction: Transaction) -> int:
            where = Not(IsNull(column))
            return int(transaction.select(table, [column], where, kind=Kind.SCAN).num_rows)

        self._cluster.catalog.refresh()
        return await self._run(count)

    async def add_column(self, table: str, name: str, type_name: str) -> None:
        """Add a column that is NULL in all rows."""
        columns = pa.schema([(name, _TYPES[type_name])])
        await self._alter(table, lambda target: target.add_column(columns))

    async def rename_column(self, table: str, name: str, new_name: str) -> None:
        """Give a column another name."""
        await self._alter(table, lambda target: target.rename_column(name, new_name))

    async def drop_column(self, table: str, name: str) -> None:
        """Remove a column."""
        await self._alter(
            table, lambda target: target.drop_column(pa.schema([target.arrow_schema.field(name)]))
        )

    async def refresh(self) -> None:
        """Forget columns, statistics and rows that are remembered."""
        self._cluster.catalog.refresh()
        self._store.cache.clear()

    async def projections(self, table: str) -> list[Projection]:
        """The projections of a table by name."""

        def read(transaction: Transaction) -> list[Projection]:
            target = self._schema(transaction).table(table)
            return sorted((_projection(table, one) for one in target.projections()), key=lambda one: one.name)

        return await self._run(read)

    async def create_projection(
        self, table: str, name: str, sorted_by: Sequence[str], also: Sequence[str]
    ) -> None:
        """Make a projection; the database fills it by and by."""
        await self._alter(table, lambda target: target.create_projection(name, list(sorted_by), list(also)))

    async def drop_projection(self, table: str, name: str) -> None:
        """Remove a projection."""
        await self._alter(table, lambda target: target.projection(name).drop())

    async def reset(self) -> None:
        """Drop every table but those of running processes, and make the service's own again."""

        def drop(transaction: Transaction) -> None:
            with told():
                for table in self._schema(transaction).tables():
                    if table.name not in _RUNNING:
                        table.drop()
            transaction.commit()

        await self._run(drop)
        self._cluster.catalog.refresh()
        await asyncio.to_thread(self._cluster.catalog.ensure, list(TABLES.values()))
        await self.refresh()

    async def segment_counts(self, flow_ids: Sequence[str]) -> Mapping[str, int]:
        """How many segments the statistics of flows tell of."""

        def count(transaction: Transaction) -> dict[str, int]:
            rows = transaction.select("flows", ["id", "segments"], In("id", tuple(flow_ids)), kind=Kind.PAGE)
            pairs = zip(rows["id"].to_pylist(), rows["segments"].to_pylist(), strict=True)
            return {flow_id: segments for flow_id, segments in pairs if segments is not None}

        return await self._run(count) if flow_ids else {}

    async def _alter(self, table: str, change: Callable[[Any], Any]) -> None:
        def alter(transaction: Transaction) -> None:
            with told():
                change(self._schema(transaction).table(table))
            transaction.commit()

        await self._run(alter)
        self._cluster.catalog.refresh()

    async def _run(self, work: Callable[[Transaction], T]) -> T:
        def run() -> T:
            try:
                return self._cluster.run(work)
            except Failure as failure:
                raise away(failure) from failure

        return await asyncio.to_thread(run)

    def _schema(self, transaction: Transaction) -> Any:
        with told():
            return transaction.raw.bucket(self._address.bucket).schema(self._address.schema)


def _table(table: Any) -> Table:
    with told():
        stats, columns = table.stats, table.arrow_schema
    own = TABLES[table.name].columns.names if table.name in TABLES else ()
    described = [Column(one.name, _WORDS.get(one.type, str(one.type)), one.name in own) for one in columns]
    rows, size = (stats.num_rows, stats.size_in_bytes) if stats is not None else (0, 0)
    return Table(table.name, described, table.name in TABLES, rows, size)


def _projection(table: str, projection: Any) -> Projection:
    own = TABLES[table].projections if table in TABLES else ()
    made = next((one for one in own if one.name == projection.name), None)
    with told():
        columns = _names(projection.columns())
    sorted_by = list(made.sorted_by) if made else columns
    also = [name for name in columns if name not in sorted_by]
    return Projection(projection.name, sorted_by, also, made is not None, "ready")


def _names(columns: Iterable[Any]) -> list[str]:
    return [column.name for column in columns]
