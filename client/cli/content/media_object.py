"""`tams object`."""

import click

from client.api import TamsClient
from client.cli.session import with_store
from client.cli.terminal.output import as_json, write_fields, write_json


@click.command("object")
@click.argument("object_id", metavar="OBJECT")
@as_json
@with_store
async def media_object(store: TamsClient, *, object_id: str, as_json: bool) -> None:
    """Show a media object and the flows that use it."""
    shown = await store.object(object_id)
    if as_json:
        write_json(shown)
        return
    write_fields(
        [
            ("id", shown.id),
            ("first used by", shown.first_referenced_by_flow),
            ("used by", shown.referenced_by_flows),
        ]
    )
