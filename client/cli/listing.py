"""Lists of any length: all of it as JSON, the first part of it as a table."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

import click

from client.cli.output import JsonList, write_table

T = TypeVar("T")

ROWS = 1000

at_most = click.option(
    "--limit", type=click.IntRange(1), help=f"At most so many.  [default: {ROWS} in a table, all as JSON]"
)


async def write_all(items: AsyncIterator[T], limit: int | None, document: Callable[[T], object]) -> int:
    """Write the items as one JSON list; how many there were."""
    written = JsonList()
    count = 0
    async for item in items:
        if limit is not None and count == limit:
            break
        written.add(document(item))
        count += 1
    written.close()
    return count


async def write_rows(
    items: AsyncIterator[T],
    limit: int | None,
    columns: Sequence[str],
    cells: Callable[[T], Sequence[Any]],
    *,
    whole: int = 1,
) -> int:
    """Write the first items, if any, as a table and say where there are more; how many rows it has."""
    rows: list[Sequence[Any]] = []
    more = False
    async for item in items:
        if len(rows) == (limit or ROWS):
            more = True
            break
        rows.append(cells(item))
    if rows:
        write_table(columns, rows, whole=whole)
    if more:
        click.echo(f"the first {len(rows)}; there are more (--limit)", err=True)
    return len(rows)
