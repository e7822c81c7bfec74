"""`tams sources`."""

import click

from client.api import TamsClient
from client.cli.listing import at_most, write_all, write_rows
from client.cli.output import as_json, short_format
from client.cli.session import with_store


@click.command()
@click.option("--label", help="Only those with this label.")
@at_most
@as_json
@with_store
async def sources(store: TamsClient, *, label: str | None, limit: int | None, as_json: bool) -> None:
    """List sources."""
    found = store.sources(label=label)
    if as_json:
        await write_all(found, limit, lambda source: source.document)
        return
    count = await write_rows(
        found, limit, ("id", "format", "label"), lambda s: (s.id, short_format(s.format), s.label)
    )
    if not count:
        click.echo("no sources", err=True)
