"""`tams object`."""

import click

from client.api import TamsClient
from client.cli.output import as_json, write_fields, write_json
from client.cli.session import with_store


@click.command("object")
@click.argument("object_id", metavar="OBJECT")
@as_json
@with_store
async def media_object(store: TamsClient, *, object_id: str, as_json: bool) -> None:
    """Show a media object and the flows that use it."""
    found = await store.object(object_id)
    if as_json:
        write_json(found)
        return
    write_fields(
        [
            ("id", found.id),
            ("first used by", found.first_referenced_by_flow),
            ("used by", found.referenced_by_flows),
        ]
    )
