"""Administration of the tables in a VAST schema."""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.metadata.adapters.vast.administration.alterations import VastAlterations
from services.metadata.adapters.vast.administration.catalog import (
    TYPES,
    described_projection,
    described_table,
)
from services.metadata.adapters.vast.schema import TABLES
from services.metadata.application.ports.administration import (
    Cache,
    Damage,
    Endpoint,
    Projection,
    Recorded,
    Table,
)
from services.vast_client.failures import translated_sdk_errors
from services.vast_client.filters.filters import In, IsNull, Not
from services.vast_client.fitting import differences
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction


class _Field(NamedTuple):
    name: str
    type: object


class VastAdministration(VastAlterations):
    """Reads and changes the tables of a store."""

    engine = "vast"

    @property
    def schema(self) -> str:
        """The bucket and schema, as bucket/schema."""
        return f"{self._address.bucket}/{self._address.schema}"

    async def tables(self) -> list[Table]:
        """All tables, ascending by name."""

        def read(transaction: Transaction) -> list[Table]:
            with translated_sdk_errors():
                found = self._schema(transaction).tables()
            return sorted(map(described_table, found), key=lambda table: table.name)

        return await self._run(read)

    async def table(self, name: str) -> Table | None:
        """The table; None if it does not exist."""

        def read(transaction: Transaction) -> Table | None:
            with translated_sdk_errors():
                schema = self._schema(transaction)
                found = schema.table(name) if name in set(schema.tablenames()) else None
            return described_table(found) if found is not None else None

        return await self._run(read)

    def missing(self, present: Sequence[Table]) -> list[str]:
        """The tables and columns that the service needs and that are missing, as table or table.column."""
        found = {table.name: {column.name for column in table.columns} for table in present}
        return [
            name if column is None else f"{name}.{column}"
            for name, spec in sorted(TABLES.items())
            for column in (
                [column for column in spec.columns.names if column not in found[name]]
                if name in found
                else [None]
            )
        ]

    def unfit(self, present: Sequence[Table]) -> list[str]:
        """The types and orders that differ from those that the service needs, a sentence for each."""
        return [
            sentence
            for table in present
            if table.name in TABLES
            for sentence in differences(
                TABLES[table.name],
                [_Field(column.name, TYPES.get(column.type, column.type)) for column in table.columns],
                table.sorted_by,
            )
        ]

    def endpoints(self) -> list[Endpoint]:
        """The endpoints, with averages of their recent requests."""
        return [
            Endpoint(health.endpoint, health.latency_seconds, health.error_rate, health.open)
            for health in self._cluster.endpoints.health()
        ]

    def cache(self) -> Cache:
        """The cache of flows and sources."""
        statistics = self._store.cache.statistics()
        process = f"{socket.gethostname()}:{os.getpid()}"
        return Cache(statistics.entries, statistics.hits, statistics.misses, process)

    async def count_values(self, table: str, column: str) -> int:
        """The number of rows in which the column is not NULL."""

        def count(transaction: Transaction) -> int:
            where = Not(IsNull(column))
            return int(transaction.select(table, [column], where, kind=Kind.SCAN).num_rows)

        self._cluster.catalog.refresh()
        return await self._run(count)

    async def projections(self, table: str) -> list[Projection]:
        """The projections of a table, ascending by name."""

        def read(transaction: Transaction) -> list[Projection]:
            with translated_sdk_errors():
                found = list(self._schema(transaction).table(table).projections())
            described = (described_projection(transaction, table, projection) for projection in found)
            return sorted(described, key=lambda projection: projection.name)

        return await self._run(read)

    def refusal(self) -> None:
        """Always None: only a write shows whether the cluster refuses writes."""
        return

    def free_bytes(self) -> None:
        """Always None, because the cluster does not report it."""
        return

    async def damage(self) -> Damage:
        """Always no damage, because the cluster checks its own storage."""
        return Damage()

    async def recorded(self, flow_ids: Sequence[str]) -> Mapping[str, Recorded]:
        """The recorded statistics, by flow id."""

        def read(transaction: Transaction) -> dict[str, Recorded]:
            columns = ["id", "segments", "longest_ns"]
            rows = transaction.select("flows", columns, In("id", tuple(flow_ids)), kind=Kind.PAGE).to_pylist()
            return {row["id"]: Recorded(row["segments"] or 0, row["longest_ns"] or 0) for row in rows}

        return await self._run(read) if flow_ids else {}
