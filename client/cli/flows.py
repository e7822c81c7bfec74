"""`tams flows`."""

import click

from client.api import TamsClient
from client.cli.listing import at_most, write_all, write_rows
from client.cli.output import as_json, short_format
from client.cli.session import with_store


@click.command()
@click.option("--source", "source_id", help="Only flows of this source.")
@click.option("--label", help="Only those with this label.")
@click.option("--codec", help="Only those with this codec, such as video/h264.")
@at_most
@as_json
@with_store
async def flows(
    store: TamsClient,
    *,
    source_id: str | None,
    label: str | None,
    codec: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List flows."""
    found = store.flows(source_id=source_id, label=label, codec=codec)
    if as_json:
        await write_all(found, limit, lambda flow: flow.document)
        return
    columns = ("id", "format", "codec", "label")
    count = await write_rows(
        found, limit, columns, lambda f: (f.id, short_format(f.format), f.codec, f.label), whole=2
    )
    if not count:
        click.echo("no flows", err=True)
