"""`tams service`."""

import click

from client.api import TamsClient
from client.cli.session import with_store
from client.cli.terminal.output import as_json, write_fields, write_json, write_table


@click.command()
@as_json
@with_store
async def service(store: TamsClient, *, as_json: bool) -> None:
    """Show the store's description of itself and its storage backends."""
    about, backends = await store.service(), await store.storage_backends()
    if as_json:
        write_json({"service": about, "storage_backends": backends})
        return
    write_fields(
        [
            ("name", about.name),
            ("description", about.description),
            ("type", about.type),
            ("API version", about.api_version),
            ("version", about.service_version),
        ]
    )
    click.echo()
    rows = [(b.id, b.label, b.store_product, "yes" if b.default_storage else "no") for b in backends]
    write_table(("storage backend", "label", "product", "default"), rows)
