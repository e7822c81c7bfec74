"""Writes lists of any length: all items as JSON or ids, the first items as a table."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, TypeVar

import click

from client.api.client import PAGE_LIMIT
from client.cli.terminal.output import JsonList, write_table

T = TypeVar("T")

ROWS: Final = 1000

at_most = click.option(
    "--limit",
    type=click.IntRange(1),
    help=f"Most items to list.  [default: {ROWS} in a table, else all]",
)
as_ids = click.option("--ids", "as_ids", is_flag=True, help="Write only the ids, one on each line.")


def check_forms(*, as_ids: bool, as_json: bool) -> None:
    """UsageError if two output formats are given."""
    if as_ids and as_json:
        raise click.UsageError("give --ids or --json, not both")


def page_size(limit: int | None) -> int:
    """The number of items on a page: one more than are written, to notice that there are more."""
    return PAGE_LIMIT if limit is None else min(limit + 1, PAGE_LIMIT)


async def first_of(items: AsyncIterator[T], limit: int | None) -> AsyncIterator[T]:
    """The first `limit` items, or all."""
    count = 0
    async for item in items:
        if limit is not None and count == limit:
            return
        yield item
        count += 1


async def write_all(items: AsyncIterator[T], limit: int | None, document: Callable[[T], object]) -> int:
    """Write the items as one JSON list; returns their number."""
    json_list = JsonList()
    count = 0
    async for item in first_of(items, limit):
        json_list.add(document(item))
        count += 1
    json_list.close()
    return count


async def write_lines(items: AsyncIterator[T], limit: int | None, line: Callable[[T], str]) -> int:
    """Write a line for each item; returns their number."""
    count = 0
    async for item in first_of(items, limit):
        click.echo(line(item))
        count += 1
    return count


async def write_rows(
    items: AsyncIterator[T],
    limit: int | None,
    columns: Sequence[str],
    cells: Callable[[T], Sequence[object]],
    *,
    whole: int = 1,
) -> int:
    """Write the first items, if any, as a table with a note if there are more; returns the number of rows."""
    rows: list[Sequence[object]] = []
    has_more = False
    async for item in items:
        if len(rows) == (limit or ROWS):
            has_more = True
            break
        rows.append(cells(item))
    if rows:
        write_table(columns, rows, whole=whole)
    if has_more:
        click.echo(f"the first {len(rows)}; there are more (--limit)", err=True)
    return len(rows)
