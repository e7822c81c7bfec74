"""`tams trash`: lists and purges what was deleted softly."""

import click

from client.api import TamsClient
from client.cli import exits
from client.cli.session import with_store
from client.cli.terminal.listing import at_most, page_size, write_all, write_rows
from client.cli.terminal.output import as_json


@click.group()
def trash() -> None:
    """Show and purge what was deleted softly."""


@trash.command("list")
@click.option("--flow", "flow_id", help="Only entries of this flow.")
@click.option("--source", "source_id", help="Only entries of flows of this source.")
@at_most
@as_json
@with_store
async def list_trash(
    store: TamsClient, *, flow_id: str | None, source_id: str | None, limit: int | None, as_json: bool
) -> None:
    """List what can be restored."""
    entries = store.trash.entries(flow_id=flow_id, source_id=source_id, limit=page_size(limit))
    if as_json:
        await write_all(entries, limit, lambda entry: entry)
        return
    columns = ("id", "kind", "flow", "timerange", "deleted by", "deleted", "expiry")
    count = await write_rows(
        entries,
        limit,
        columns,
        lambda e: (e.id, e.kind, e.flow_id, e.timerange, e.deleted_by, e.deleted, e.expiry),
        whole=3,
    )
    if not count:
        click.echo("the trash is empty", err=True)


@trash.command()
@click.argument("entry_id", metavar="ENTRY")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_store
async def purge(store: TamsClient, *, entry_id: str, yes: bool) -> None:
    """Purge an entry for good, so that its bytes are released."""
    if not yes and not click.confirm(f"Purge {entry_id}?", err=True):
        raise exits.Failed("nothing purged")
    pending = await store.trash.purge(entry_id)
    click.echo(f"the store is still purging {entry_id}" if pending else f"purged {entry_id}", err=True)
