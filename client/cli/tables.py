"""`tams tables`."""

import sys

import click

from client.api import TamsClient
from client.api.tables import ColumnChange, Projection, Tables
from client.cli import exits
from client.cli.output import as_json, printable, size, write_json, write_table
from client.cli.session import with_store
from client.cli.tables_load import load_file, rollback

_TYPES = ("string", "int64", "float64", "binary", "bool")
_dry_run = click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
_confirm = click.option("--confirm", metavar="NAME", help="The name, instead of typing it when asked.")


@click.group()
def tables() -> None:
    """See and change the tables of a store; load rows in bulk.

    The store must offer administration (TAMS_GATEWAY_ADMIN=true at its gateway, as `tams up` sets it).
    What the service itself needs is refused to be changed.
    """


tables.add_command(load_file)
tables.add_command(rollback)


@tables.command("list")
@as_json
@with_store
async def list_tables(store: TamsClient, *, as_json: bool) -> None:
    """List tables with their sizes."""
    found = await store.admin.tables()
    if as_json:
        write_json(found)
        return
    rows = [(t.name, t.rows, size(t.bytes), len(t.columns), "" if t.own else "others'") for t in found.tables]
    write_table(("table", "rows", "size", "columns", ""), rows)
    click.echo(f"schema {printable(found.schema)} ({found.engine})", err=True)
    _write_servers(found)


def _write_servers(found: Tables) -> None:
    for name in found.missing:
        click.echo(f"missing: {printable(name)}", err=True)
    if found.cache is not None:
        reads = found.cache.hits + found.cache.misses
        share = f"{found.cache.hits / reads:.0%} of {reads} reads" if reads else "no reads yet"
        click.echo(f"cache: {found.cache.entries} rows, {share}", err=True)
    if found.endpoints:
        click.echo()
        rows = [
            (
                e.address,
                f"{e.latency_seconds * 1000:.1f} ms",
                f"{e.error_rate:.0%}",
                "out" if e.out_of_use else "",
            )
            for e in found.endpoints
        ]
        write_table(("endpoint", "latency", "errors", ""), rows)


@tables.command()
@click.argument("table")
@as_json
@with_store
async def columns(store: TamsClient, *, table: str, as_json: bool) -> None:
    """List the columns of a table."""
    for one in (await store.admin.tables()).tables:
        if one.name == table:
            if as_json:
                write_json(one.columns)
            else:
                rows = [(c.name, c.type, "" if c.own else "others'") for c in one.columns]
                write_table(("column", "type", ""), rows)
            return
    raise exits.Failed(f"no table {table!r}", exits.NOT_FOUND)


@tables.command("has-column")
@click.argument("table")
@click.argument("column")
@with_store
async def has_column(store: TamsClient, *, table: str, column: str) -> None:
    """Show a column's type; exit code 3 when there is no such column."""
    click.echo((await store.admin.column(table, column)).type)


@tables.command("add-column")
@click.argument("table")
@click.argument("name")
@click.argument("type_name", metavar="TYPE", type=click.Choice(_TYPES))
@_dry_run
@with_store
async def add_column(store: TamsClient, *, table: str, name: str, type_name: str, dry_run: bool) -> None:
    """Add a column of TYPE string, int64, float64, binary or bool."""
    change = await store.admin.add_column(table, name, type_name, dry_run=dry_run)
    _tell(change, f"added {table}.{change.column.name}")


@tables.command("rename-column")
@click.argument("table")
@click.argument("column")
@click.argument("name")
@_dry_run
@_confirm
@with_store
async def rename_column(
    store: TamsClient, *, table: str, column: str, name: str, dry_run: bool, confirm: str | None
) -> None:
    """Give a column of others another name."""
    said = "" if dry_run else confirm or _asked(f"rename {table}.{column} to {name}", column)
    change = await store.admin.rename_column(table, column, name, confirm=said, dry_run=dry_run)
    _tell(change, f"renamed {table}.{column} to {name}")


@tables.command("drop-column")
@click.argument("table")
@click.argument("column")
@_dry_run
@_confirm
@with_store
async def drop_column(
    store: TamsClient, *, table: str, column: str, dry_run: bool, confirm: str | None
) -> None:
    """Remove a column of others and what it holds."""
    before = await store.admin.drop_column(table, column, confirm="", dry_run=True)
    if dry_run:
        _tell(before, "")
        return
    said = confirm or _asked(f"drop {table}.{column} with {before.values} values", column)
    change = await store.admin.drop_column(table, column, confirm=said, dry_run=False)
    _tell(change, f"dropped {table}.{column}")


@tables.command()
@with_store
async def refresh(store: TamsClient) -> None:
    """Make the store forget what it remembers of the tables."""
    await store.admin.refresh()
    click.echo("refreshed", err=True)


@tables.command()
@click.argument("table")
@as_json
@with_store
async def projections(store: TamsClient, *, table: str, as_json: bool) -> None:
    """List the projections of a table; in SQLite these are its secondary indexes."""
    found = await store.admin.projections(table)
    if as_json:
        write_json(found)
        return
    write_table(("projection", "sorted by", "also", "status", ""), map(_row, found))


def _row(one: Projection) -> tuple[object, ...]:
    return one.name, ", ".join(one.sorted_by), ", ".join(one.also), one.status, "" if one.own else "others'"


@tables.command("create-projection")
@click.argument("table")
@click.argument("name")
@click.option(
    "--sorted-by", required=True, multiple=True, metavar="COLUMN", help="In this order; repeatable."
)
@click.option("--also", multiple=True, metavar="COLUMN", help="Hold this column besides; repeatable.")
@with_store
async def create_projection(
    store: TamsClient, *, table: str, name: str, sorted_by: tuple[str, ...], also: tuple[str, ...]
) -> None:
    """Make a projection of a table."""
    made = await store.admin.create_projection(table, name, sorted_by, also)
    click.echo(f"created {made.name} ({made.status})", err=True)


@tables.command("drop-projection")
@click.argument("table")
@click.argument("name")
@with_store
async def drop_projection(store: TamsClient, *, table: str, name: str) -> None:
    """Remove a projection of others."""
    await store.admin.drop_projection(table, name)
    click.echo(f"dropped {name}", err=True)


@tables.command()
@_dry_run
@_confirm
@with_store
async def reset(store: TamsClient, *, dry_run: bool, confirm: str | None) -> None:
    """Remove everything that is stored, but not the objects' bytes."""
    held = await store.admin.reset(confirm="", dry_run=True)
    write_table(("table", "rows"), [(table.name, table.rows) for table in held.tables if table.rows])
    if dry_run:
        return
    schema = (await store.admin.tables()).schema
    await store.admin.reset(confirm=confirm or _asked("remove all of it", schema), dry_run=False)
    click.echo(f"reset {printable(schema)}", err=True)


def _asked(what: str, name: str) -> str:
    """What somebody types to confirm."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody to ask; add --confirm {printable(name)}")
    answer: str = click.prompt(f"To {printable(what)}, type {printable(name)}", err=True)
    if answer != name:
        raise exits.Failed("nothing changed")
    return answer


def _tell(change: ColumnChange, done: str) -> None:
    if change.done:
        click.echo(printable(done), err=True)
    else:
        click.echo(f"would be done; rows that hold a value: {change.values}", err=True)
