"""The views and changes of the tables themselves that an operator may ask for."""

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, NamedTuple

from services.metadata.application.audit.journal import Journal
from services.metadata.application.ports.administration import KEPT, Administration, Column, Projection, Table
from services.shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)

TYPES: Final = ("string", "int64", "float64", "binary", "bool")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Characters of an unknown name that an error shows.
_SHOWN: Final = 64
# In a VAST table with a column vastdb_rowid, the inserting client chooses the row ids.
_RESERVED: Final = "vastdb_"


class ColumnChange(NamedTuple):
    """The changed column, the number of rows with a value in it, and whether the change was made."""

    column: Column
    values: int
    done: bool


class TableAdministration:
    """Shows tables, columns and projections, and changes those that the service does not need."""

    def __init__(self, tables: Administration, journal: Journal | None = None) -> None:
        """Changes are recorded in the journal, if there is one."""
        self.engine = tables.engine
        self.schema = tables.schema
        self.endpoints = tables.endpoints
        self.cache = tables.cache
        self.missing = tables.missing
        self.unfit = tables.unfit
        self.tables = tables.tables
        self.refresh = tables.refresh
        self._tables = tables
        self._journal = journal

    async def column(self, table: str, name: str) -> Column:
        """The column; NotFound TABLE_NOT_FOUND or COLUMN_NOT_FOUND if it does not exist."""
        return _column(await self._table(table), name)

    async def add_column(self, table: str, name: str, type_name: str, *, dry_run: bool) -> ColumnChange:
        """Add a column; InvalidArgument BAD_NAME or BAD_TYPE, AlreadyExists COLUMN_EXISTS."""
        _check_name(name)
        if type_name not in TYPES:
            raise InvalidArgument(
                f"the type must be one of {', '.join(TYPES)}", reason="BAD_TYPE", path="$.type"
            )
        _check_free(await self._table(table), name)
        if not dry_run:
            async with self._recorded("administration.add_column", f"column:{table}.{name}"):
                await self._tables.add_column(table, name, type_name)
        return ColumnChange(Column(name, type_name, False), 0, not dry_run)

    async def rename_column(
        self, table: str, name: str, new_name: str, *, confirm: str, dry_run: bool
    ) -> ColumnChange:
        """Rename a column; PermissionDenied OWN_COLUMN if the service needs it."""
        _check_name(new_name)
        found = await self._table(table)
        column = _foreign_column(found, name)
        _check_free(found, new_name)
        values = await self._tables.count_values(table, name)
        if not dry_run:
            _check_confirmed(confirm, name)
            async with self._recorded("administration.rename_column", f"column:{table}.{name}"):
                await self._tables.rename_column(table, name, new_name)
        return ColumnChange(column._replace(name=new_name), values, not dry_run)

    async def drop_column(self, table: str, name: str, *, confirm: str, dry_run: bool) -> ColumnChange:
        """Remove a column; PermissionDenied OWN_COLUMN if the service needs it."""
        found = await self._table(table)
        column = _foreign_column(found, name)
        if len(found.columns) == 1:
            raise FailedPrecondition(
                f"{name} is the only column of {table}, and a table needs one", reason="ONLY_COLUMN"
            )
        values = await self._tables.count_values(table, name)
        if not dry_run:
            _check_confirmed(confirm, name)
            async with self._recorded("administration.drop_column", f"column:{table}.{name}"):
                await self._tables.drop_column(table, name)
        return ColumnChange(column, values, not dry_run)

    async def projections(self, table: str) -> list[Projection]:
        """The projections of a table; NotFound TABLE_NOT_FOUND if it does not exist."""
        await self._table(table)
        return await self._tables.projections(table)

    async def create_projection(
        self, table: str, name: str, sorted_by: Sequence[str], also: Sequence[str]
    ) -> Projection:
        """Create a projection and return it; AlreadyExists PROJECTION_EXISTS if the name is taken."""
        _check_name(name)
        if not sorted_by:
            raise InvalidArgument(
                "a projection is sorted by at least one column", reason="BAD_PROJECTION", path="$.sorted_by"
            )
        found = await self._table(table)
        columns = (*sorted_by, *also)
        for column in columns:
            _column(found, column)
        if len(set(columns)) < len(columns):
            raise InvalidArgument(
                "a projection names each column once", reason="BAD_PROJECTION", path="$.also"
            )
        # In some engines, the name of a projection must be unique in the whole schema.
        for other in await self._tables.tables():
            if any(projection.name == name for projection in await self._tables.projections(other.name)):
                raise AlreadyExists(
                    f"table {other.name} has a projection {name}", reason="PROJECTION_EXISTS", path="$.name"
                )
        async with self._recorded("administration.create_projection", f"projection:{table}.{name}"):
            await self._tables.create_projection(table, name, sorted_by, also)
        return await self._projection(table, name)

    async def drop_projection(self, table: str, name: str) -> None:
        """Remove a projection; PermissionDenied OWN_PROJECTION if the service needs it."""
        await self._table(table)
        if (await self._projection(table, name)).own:
            raise PermissionDenied(f"the service needs projection {name}", reason="OWN_PROJECTION")
        async with self._recorded("administration.drop_projection", f"projection:{table}.{name}"):
            await self._tables.drop_projection(table, name)

    async def reset(self, *, confirm: str, dry_run: bool) -> list[Table]:
        """Remove all rows of the service's own tables, except users and API keys.

        Returns the tables that are emptied, as they were before.
        """
        tables = [table for table in await self._tables.tables() if table.own and table.name not in KEPT]
        if not dry_run:
            _check_confirmed(confirm, self.schema)
            async with self._recorded("administration.reset", f"schema:{self.schema}"):
                await self._tables.reset()
        return tables

    def _recorded(self, action: str, resource: str) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._journal is None else self._journal.entry(action, resource)

    async def _table(self, name: str) -> Table:
        found = await self._tables.table(name)
        if found is None:
            raise NotFound(f"no table {name[:_SHOWN]!r}", reason="TABLE_NOT_FOUND")
        return found

    async def _projection(self, table: str, name: str) -> Projection:
        for projection in await self._tables.projections(table):
            if projection.name == name:
                return projection
        raise NotFound(f"no projection {name[:_SHOWN]!r}", reason="PROJECTION_NOT_FOUND")


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise NotFound(f"table {table.name} has no column {name[:_SHOWN]!r}", reason="COLUMN_NOT_FOUND")
    return column


def _foreign_column(table: Table, name: str) -> Column:
    column = _column(table, name)
    if column.own:
        raise PermissionDenied(f"the service needs column {table.name}.{name}", reason="OWN_COLUMN")
    return column


def _check_free(table: Table, name: str) -> None:
    if table.column(name) is not None:
        raise AlreadyExists(f"table {table.name} has a column {name}", reason="COLUMN_EXISTS", path="$.name")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            "a name has 1 to 63 characters a-z, 0-9 and _, and begins with a letter",
            reason="BAD_NAME",
            path="$.name",
        )
    if name.startswith(_RESERVED):
        raise InvalidArgument(
            f"names that begin with {_RESERVED} have a meaning for the database",
            reason="RESERVED_NAME",
            path="$.name",
        )


def _check_confirmed(confirm: str, name: str) -> None:
    if confirm != name:
        summary = f"to confirm, give the name {name}"
        raise FailedPrecondition(summary, reason="NOT_CONFIRMED", path="$.confirm")
