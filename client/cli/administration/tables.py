"""`tams tables`: lists, checks and empties the tables."""

import click

from client.api import TamsClient
from client.api.tables import Tables
from client.cli.administration import columns, loads, projections
from client.cli.administration.columns import confirm_option, dry_run_option
from client.cli.session import with_store
from client.cli.terminal.confirming import ask_to_type
from client.cli.terminal.output import as_json, printable, size, write_json, write_table


@click.group()
def tables() -> None:
    """Show and change the tables of a store; load rows in bulk.

    The store must offer administration (TAMS_GATEWAY_ADMIN=true at its gateway, as `tams up` sets it). It
    refuses changes of the columns and tables that the service needs.
    """


@tables.command("list")
@as_json
@with_store
async def list_tables(store: TamsClient, *, as_json: bool) -> None:
    """List tables with their sizes."""
    listing = await store.admin.tables()
    if as_json:
        write_json(listing)
        return
    rows = [
        (table.name, table.rows, size(table.bytes), len(table.columns), "" if table.own else "foreign")
        for table in listing.tables
    ]
    write_table(("table", "rows", "size", "columns", ""), rows)
    click.echo(f"schema {printable(listing.schema)} ({listing.engine})", err=True)
    _write_problems(listing)
    _write_cache(listing)
    _write_endpoints(listing)


def _write_problems(listing: Tables) -> None:
    for name in listing.missing:
        click.echo(f"missing: {printable(name)}", err=True)
    for text in listing.unfit:
        click.echo(f"unfit: {printable(text)}", err=True)


def _write_cache(listing: Tables) -> None:
    if (cache := listing.cache) is None:
        return
    reads = cache.hits + cache.misses
    share = f"{cache.hits / reads:.0%} of {reads} reads" if reads else "no reads yet"
    click.echo(f"cache of process {printable(cache.process)}: {cache.entries} rows, {share}", err=True)


def _write_endpoints(listing: Tables) -> None:
    if not listing.endpoints:
        return
    click.echo()
    rows = [
        (
            endpoint.address,
            f"{endpoint.latency_seconds * 1000:.1f} ms",
            f"{endpoint.error_rate:.0%}",
            "out of use" if endpoint.out_of_use else "",
        )
        for endpoint in listing.endpoints
    ]
    write_table(("endpoint", "latency", "errors", ""), rows)


@tables.command()
@with_store
async def refresh(store: TamsClient) -> None:
    """Clear the store's cache of the tables."""
    await store.admin.refresh()
    click.echo("refreshed", err=True)


@tables.command()
@dry_run_option
@confirm_option
@with_store
async def reset(store: TamsClient, *, dry_run: bool, confirm: str | None) -> None:
    """Remove everything in the store, except foreign tables, users, API keys and the bytes of objects."""
    preview = await store.admin.reset(confirm="", dry_run=True)
    write_table(("table", "rows"), [(table.name, table.rows) for table in preview.tables if table.rows])
    if dry_run:
        return
    schema = (await store.admin.tables()).schema
    await store.admin.reset(confirm=confirm or ask_to_type("remove all of it", schema), dry_run=False)
    click.echo(f"reset {printable(schema)}", err=True)


for command in (*columns.COMMANDS, *projections.COMMANDS, *loads.COMMANDS):
    tables.add_command(command)
