"""Changes of the tables of a VAST schema: columns, projections, and a reset."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import pyarrow as pa

from services.metadata.adapters.vast.administration.catalog import TYPES, column_names, projection_names
from services.metadata.adapters.vast.running.workers import as_unavailable
from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import VastStore
from services.metadata.adapters.vast.writing.committing import commit_repeatable
from services.metadata.application.ports.administration import KEPT
from services.vast_client.failures import Failure, translated_sdk_errors
from services.vast_client.sdk import SdkSchema, SdkTable
from services.vast_client.transactions.transaction import Transaction

T = TypeVar("T")

# Tables that a reset leaves as they are, because running processes depend on their rows.
_RUNNING: Final = frozenset({"locks", "counters", "writers"})


class VastAlterations:
    """Changes the tables of a store."""

    def __init__(self, store: VastStore) -> None:
        self._store = store
        self._cluster = store.cluster
        self._address = store.cluster.address

    async def add_column(self, table: str, name: str, type_name: str) -> None:
        """Add a column that is NULL in all rows."""
        columns = pa.schema([(name, TYPES[type_name])])
        await self._alter(
            table, lambda target: target.add_column(columns), lambda target: name in column_names(target)
        )

    async def rename_column(self, table: str, name: str, new_name: str) -> None:
        """Rename a column."""
        await self._alter(
            table,
            lambda target: target.rename_column(name, new_name),
            lambda target: name not in column_names(target),
        )

    async def drop_column(self, table: str, name: str) -> None:
        """Remove a column."""
        await self._alter(
            table,
            lambda target: target.drop_column(pa.schema([target.arrow_schema.field(name)])),
            lambda target: name not in column_names(target),
        )

    async def create_projection(
        self, table: str, name: str, sorted_by: Sequence[str], also: Sequence[str]
    ) -> None:
        """Create a projection, which the database fills in the background."""
        await self._alter(
            table,
            lambda target: target.create_projection(name, list(sorted_by), list(also)),
            lambda target: name in projection_names(target.projections()),
        )

    async def drop_projection(self, table: str, name: str) -> None:
        """Remove a projection."""
        await self._alter(
            table,
            lambda target: target.projection(name).drop(),
            lambda target: name not in projection_names(target.projections()),
        )

    async def reset(self) -> None:
        """Replace the service's own tables by empty ones, except those of running processes and in KEPT.

        It is one transaction, so no call finds a table missing. Foreign tables stay.
        """

        def replace(transaction: Transaction) -> None:
            with translated_sdk_errors():
                schema = self._schema(transaction)
                for name in sorted(set(schema.tablenames()) & set(TABLES) - _RUNNING - KEPT):
                    spec = TABLES[name]
                    schema.table(name).drop()
                    schema.create_table(name, spec.columns, sorting_key=list(spec.sorted_by))
            commit_repeatable(self._cluster, transaction)

        await self._run(replace)
        self._cluster.catalog.refresh()
        await asyncio.to_thread(self._cluster.catalog.ensure, list(TABLES.values()))
        await self.refresh()

    async def refresh(self) -> None:
        """Drop cached columns, statistics and rows. Other processes do the same within seconds."""

        def announce() -> None:
            try:
                self._store.refreshing.announce()
            except Failure as failure:
                raise as_unavailable(failure) from failure

        await asyncio.to_thread(announce)

    async def _alter(
        self, table: str, change: Callable[[SdkTable], object], is_done: Callable[[SdkTable], bool]
    ) -> None:
        """Change a table. After a lost reply, `is_done` decides whether the change was made."""

        def alter(transaction: Transaction) -> None:
            with translated_sdk_errors():
                target = self._schema(transaction).table(table)
                if tried and is_done(target):
                    return
                tried.append(True)
                change(target)
            commit_repeatable(self._cluster, transaction)

        tried: list[bool] = []
        await self._run(alter)
        self._cluster.catalog.refresh()

    async def _run(self, work: Callable[[Transaction], T]) -> T:
        def run() -> T:
            try:
                return self._cluster.run(work)
            except Failure as failure:
                raise as_unavailable(failure) from failure

        return await asyncio.to_thread(run)

    def _schema(self, transaction: Transaction) -> SdkSchema:
        with translated_sdk_errors():
            return transaction.raw.bucket(self._address.bucket).schema(self._address.schema)
