"""Subcommands of `tams tables` on columns."""

from typing import Final

import click

from client.api import TamsClient
from client.api.tables import ColumnChange
from client.cli import exits
from client.cli.session import with_store
from client.cli.terminal.confirming import ask_to_type
from client.cli.terminal.output import as_json, printable, write_json, write_table

_TYPES: Final = ("string", "int64", "float64", "binary", "bool")

dry_run_option = click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
confirm_option = click.option("--confirm", metavar="NAME", help="The name, instead of a prompt.")


@click.command()
@click.argument("table")
@as_json
@with_store
async def columns(store: TamsClient, *, table: str, as_json: bool) -> None:
    """List the columns of a table."""
    tables = {each.name: each for each in (await store.admin.tables()).tables}
    if table not in tables:
        raise exits.Failed(f"there is no table {table!r}", exits.NOT_FOUND)
    listing = tables[table].columns
    if as_json:
        write_json(listing)
        return
    rows = [(column.name, column.type, "" if column.own else "foreign") for column in listing]
    write_table(("column", "type", ""), rows)


@click.command("has-column")
@click.argument("table")
@click.argument("column")
@with_store
async def has_column(store: TamsClient, *, table: str, column: str) -> None:
    """Show the type of a column; exit code 3 if there is no such column."""
    click.echo((await store.admin.column(table, column)).type)


@click.command("add-column")
@click.argument("table")
@click.argument("name")
@click.argument("type_name", metavar="TYPE", type=click.Choice(_TYPES))
@dry_run_option
@with_store
async def add_column(store: TamsClient, *, table: str, name: str, type_name: str, dry_run: bool) -> None:
    """Add a column of TYPE string, int64, float64, binary or bool."""
    change = await store.admin.add_column(table, name, type_name, dry_run=dry_run)
    _report(change, f"added {table}.{change.column.name}")


@click.command("rename-column")
@click.argument("table")
@click.argument("column")
@click.argument("name")
@dry_run_option
@confirm_option
@with_store
async def rename_column(
    store: TamsClient, *, table: str, column: str, name: str, dry_run: bool, confirm: str | None
) -> None:
    """Rename a foreign column."""
    typed = "" if dry_run else confirm or ask_to_type(f"rename {table}.{column} to {name}", column)
    change = await store.admin.rename_column(table, column, name, confirm=typed, dry_run=dry_run)
    _report(change, f"renamed {table}.{column} to {name}")


@click.command("drop-column")
@click.argument("table")
@click.argument("column")
@dry_run_option
@confirm_option
@with_store
async def drop_column(
    store: TamsClient, *, table: str, column: str, dry_run: bool, confirm: str | None
) -> None:
    """Remove a foreign column and its values."""
    preview = await store.admin.drop_column(table, column, confirm="", dry_run=True)
    if dry_run:
        _report(preview, "")
        return
    typed = confirm or ask_to_type(f"drop {table}.{column} with {preview.values} values", column)
    change = await store.admin.drop_column(table, column, confirm=typed, dry_run=False)
    _report(change, f"dropped {table}.{column}")


def _report(change: ColumnChange, outcome: str) -> None:
    if change.done:
        click.echo(printable(outcome), err=True)
    else:
        click.echo(f"possible; {change.values} rows hold a value", err=True)


COMMANDS: Final = (columns, has_column, add_column, rename_column, drop_column)
