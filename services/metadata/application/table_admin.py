"""What an operator may see and change of the tables themselves."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.metadata.application.ports.administration import Administration, Column, Projection, Table
from services.shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)

TYPES: Final = ("string", "int64", "float64", "binary", "bool")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SHOWN: Final = 64


class ColumnChange(NamedTuple):
    """What a change of a column did, or would do."""

    column: Column
    values: int
    done: bool


class TableAdmin:
    """Tables, columns, projections. The service's own ones are only looked at."""

    def __init__(self, tables: Administration) -> None:
        self.engine = tables.engine
        self.schema = tables.schema
        self.endpoints = tables.endpoints
        self.cache = tables.cache
        self.missing = tables.missing
        self.tables = tables.tables
        self.refresh = tables.refresh
        self._tables = tables

    async def column(self, table: str, name: str) -> Column:
        """One column; NotFound when there is no such table or column."""
        return _column(await self._table(table), name)

    async def add_column(self, table: str, name: str, type_name: str, *, dry_run: bool) -> ColumnChange:
        """Add a column."""
        _check_name(name)
        if type_name not in TYPES:
            raise InvalidArgument(f"a type is one of {', '.join(TYPES)}", reason="BAD_TYPE", path="$.type")
        _check_free(await self._table(table), name)
        if not dry_run:
            await self._tables.add_column(table, name, type_name)
        return ColumnChange(Column(name, type_name, False), 0, not dry_run)

    async def rename_column(
        self, table: str, name: str, new_name: str, *, confirm: str, dry_run: bool
    ) -> ColumnChange:
        """Give a column another name."""
        _check_name(new_name)
        found = await self._table(table)
        column = _foreign_column(found, name)
        _check_free(found, new_name)
        values = await self._tables.count_values(table, name)
        if not dry_run:
            _check_confirmed(confirm, name)
            await self._tables.rename_column(table, name, new_name)
        return ColumnChange(column._replace(name=new_name), values, not dry_run)

    async def drop_column(self, table: str, name: str, *, confirm: str, dry_run: bool) -> ColumnChange:
        """Remove a column."""
        column = _foreign_column(await self._table(table), name)
        values = await self._tables.count_values(table, name)
        if not dry_run:
            _check_confirmed(confirm, name)
            await self._tables.drop_column(table, name)
        return ColumnChange(column, values, not dry_run)

    async def projections(self, table: str) -> list[Projection]:
        """The projections of a table."""
        await self._table(table)
        return await self._tables.projections(table)

    async def create_projection(
        self, table: str, name: str, sorted_by: Sequence[str], also: Sequence[str]
    ) -> Projection:
        """Make a projection; as it is afterwards."""
        _check_name(name)
        if not sorted_by:
            raise InvalidArgument(
                "a projection is sorted by a column at least", reason="BAD_PROJECTION", path="$.sorted_by"
            )
        found = await self._table(table)
        for column in (*sorted_by, *also):
            _column(found, column)
        # In some engines names of projections are those of the whole schema.
        for one in await self._tables.tables():
            if any(projection.name == name for projection in await self._tables.projections(one.name)):
                raise AlreadyExists(
                    f"table {one.name} has a projection {name}", reason="PROJECTION_EXISTS", path="$.name"
                )
        await self._tables.create_projection(table, name, sorted_by, also)
        return await self._projection(table, name)

    async def drop_projection(self, table: str, name: str) -> None:
        """Remove a projection."""
        await self._table(table)
        if (await self._projection(table, name)).own:
            raise PermissionDenied(f"the service needs projection {name}", reason="OWN_PROJECTION")
        await self._tables.drop_projection(table, name)

    async def reset(self, *, confirm: str, dry_run: bool) -> list[Table]:
        """Remove everything; the tables as they were."""
        tables = await self._tables.tables()
        if not dry_run:
            _check_confirmed(confirm, self.schema)
            await self._tables.reset()
        return tables

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
            "a name is 1 to 63 of a-z, 0-9 and _, beginning with a letter", reason="BAD_NAME", path="$.name"
        )


def _check_confirmed(confirm: str, name: str) -> None:
    if confirm != name:
        raise FailedPrecondition(f"to confirm, say {name}", reason="NOT_CONFIRMED", path="$.confirm")
