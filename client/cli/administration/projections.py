"""Subcommands of `tams tables` on projections."""

from typing import Final

import click

from client.api import TamsClient
from client.api.tables import Projection
from client.cli.session import with_store
from client.cli.terminal.output import as_json, write_json, write_table


@click.command()
@click.argument("table")
@as_json
@with_store
async def projections(store: TamsClient, *, table: str, as_json: bool) -> None:
    """List the projections of a table; in SQLite these are its secondary indexes."""
    listing = await store.admin.projections(table)
    if as_json:
        write_json(listing)
        return
    write_table(("projection", "sorted by", "also", "status", ""), map(_row, listing))


def _row(projection: Projection) -> tuple[object, ...]:
    sorted_by, also = ", ".join(projection.sorted_by), ", ".join(projection.also)
    return projection.name, sorted_by, also, projection.status, "" if projection.own else "foreign"


@click.command("create-projection")
@click.argument("table")
@click.argument("name")
@click.option(
    "--sorted-by", required=True, multiple=True, metavar="COLUMN", help="In this order; repeatable."
)
@click.option("--also", multiple=True, metavar="COLUMN", help="A further column to hold; repeatable.")
@with_store
async def create_projection(
    store: TamsClient, *, table: str, name: str, sorted_by: tuple[str, ...], also: tuple[str, ...]
) -> None:
    """Create a projection of a table."""
    projection = await store.admin.create_projection(table, name, sorted_by, also)
    click.echo(f"created {projection.name} ({projection.status})", err=True)


@click.command("drop-projection")
@click.argument("table")
@click.argument("name")
@with_store
async def drop_projection(store: TamsClient, *, table: str, name: str) -> None:
    """Remove a foreign projection."""
    await store.admin.drop_projection(table, name)
    click.echo(f"dropped {name}", err=True)


COMMANDS: Final = (projections, create_projection, drop_projection)
