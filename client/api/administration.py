"""The calls for operators, under `/x/admin`, where the store offers them."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from client.api import codec
from client.api.connection import Connection
from client.api.tables import (
    Column,
    ColumnChange,
    Consistency,
    Kind,
    Load,
    LoadedRows,
    LoadRollback,
    Projection,
    Tables,
    WasReset,
)


class _Projections(msgspec.Struct):
    projections: list[Projection]


class _Loads(msgspec.Struct):
    loads: list[Load]


class Administration:
    """The calls for operators; Forbidden where the store does not offer them."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    async def tables(self) -> Tables:
        """Every table with its columns and size."""
        return codec.decode((await self._api.get("/x/admin/tables")).content, Tables)

    async def column(self, table: str, column: str) -> Column:
        """One column; NotFound."""
        return codec.decode((await self._api.get(_column(table, column))).content, Column)

    async def add_column(self, table: str, name: str, type_name: str, *, dry_run: bool) -> ColumnChange:
        """Add a column."""
        body = {"name": name, "type": type_name, "dry_run": dry_run}
        return await self._change("POST", f"{_table(table)}/columns", body)

    async def rename_column(
        self, table: str, column: str, name: str, *, confirm: str, dry_run: bool
    ) -> ColumnChange:
        """Rename a column."""
        body = {"name": name, "confirm": confirm, "dry_run": dry_run}
        return await self._change("PUT", _column(table, column), body)

    async def drop_column(self, table: str, column: str, *, confirm: str, dry_run: bool) -> ColumnChange:
        """Remove a column."""
        params = {"confirm": confirm, "dry_run": dry_run}
        return await self._change("DELETE", _column(table, column), params=params)

    async def refresh(self) -> None:
        """Clear the store's cache of the tables."""
        await self._api.call("DELETE", "/x/admin/cache", repeatable=True)

    async def projections(self, table: str) -> list[Projection]:
        """The projections of a table."""
        answer = await self._api.get(f"{_table(table)}/projections")
        return codec.decode(answer.content, _Projections).projections

    async def create_projection(
        self, table: str, name: str, sorted_by: Sequence[str], also: Sequence[str]
    ) -> Projection:
        """Make a projection."""
        body = {"name": name, "sorted_by": list(sorted_by), "also": list(also)}
        answer = await self._api.call("POST", f"{_table(table)}/projections", body, repeatable=False)
        return codec.decode(answer.content, Projection)

    async def drop_projection(self, table: str, name: str) -> None:
        """Remove a projection."""
        await self._api.call(
            "DELETE", f"{_table(table)}/projections/{quote(name, safe='')}", repeatable=False
        )

    async def reset(self, *, confirm: str, dry_run: bool) -> WasReset:
        """Remove everything in the store."""
        body = {"confirm": confirm, "dry_run": dry_run}
        answer = await self._api.call("POST", "/x/admin/reset", body, repeatable=False)
        return codec.decode(answer.content, WasReset)

    async def consistency(
        self, *, max_flows: int | None = None, max_segments: int | None = None, after: str = ""
    ) -> Consistency:
        """Look for rows that contradict each other; `after` continues from the previous answer."""
        params = {"max_flows": max_flows, "max_segments": max_segments, "after": after or None}
        return codec.decode((await self._api.get("/x/admin/consistency", params)).content, Consistency)

    async def repair(
        self,
        *,
        confirm: str,
        dry_run: bool,
        max_flows: int | None = None,
        max_segments: int | None = None,
        after: str = "",
    ) -> Consistency:
        """Rewrite rows derived from other rows; `after` continues from the previous answer."""
        limits = {"max_flows": max_flows, "max_segments": max_segments}
        body = {"confirm": confirm, "dry_run": dry_run, "after": after}
        body |= {name: value for name, value in limits.items() if value is not None}
        answer = await self._api.call("POST", "/x/admin/consistency", body, repeatable=True)
        return codec.decode(answer.content, Consistency)

    async def loads(self) -> list[Load]:
        """The recorded loads, the last changed first."""
        return codec.decode((await self._api.get("/x/admin/loads")).content, _Loads).loads

    async def start_load(self, load_id: str, kind: Kind) -> Load:
        """Start a load, or return the one with this id."""
        body = {"id": load_id, "kind": kind}
        answer = await self._api.call("POST", "/x/admin/loads", body, repeatable=True)
        return codec.decode(answer.content, Load)

    async def load(self, load_id: str) -> Load:
        """One load; NotFound."""
        return codec.decode((await self._api.get(_load(load_id))).content, Load)

    async def load_rows(
        self, load_id: str, first_row: int, rows: Sequence[bytes], *, skip_bad: bool
    ) -> LoadedRows:
        """Insert the next rows, each a JSON object; a batch sent twice is inserted once."""
        answer = await self._api.call(
            "POST",
            f"{_load(load_id)}/rows",
            msgspec.Raw(b"[%b]" % b",".join(rows)),
            params={"first_row": first_row, "skip_bad": skip_bad},
            repeatable=True,
        )
        return codec.decode(answer.content, LoadedRows)

    async def finish_load(self, load_id: str) -> Load:
        """End a load."""
        answer = await self._api.call("PUT", _load(load_id), {"state": "done"}, repeatable=True)
        return codec.decode(answer.content, Load)

    async def roll_back_load(self, load_id: str) -> LoadRollback:
        """Remove some of the rows that a load inserted."""
        answer = await self._api.call("DELETE", _load(load_id), repeatable=True)
        return codec.decode(answer.content, LoadRollback)

    async def _change(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> ColumnChange:
        answer = await self._api.call(method, path, body, params=params, repeatable=False)
        return codec.decode(answer.content, ColumnChange)


def _table(name: str) -> str:
    return f"/x/admin/tables/{quote(name, safe='')}"


def _column(table: str, column: str) -> str:
    return f"{_table(table)}/columns/{quote(column, safe='')}"


def _load(load_id: str) -> str:
    return f"/x/admin/loads/{quote(load_id, safe='')}"
