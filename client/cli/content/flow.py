"""`tams flow`."""

import click

from client.api import Flow, TamsClient
from client.cli.session import with_store
from client.cli.terminal.output import as_json, write_fields, write_json


@click.command()
@click.argument("flow_id", metavar="FLOW")
@as_json
@with_store
async def flow(store: TamsClient, *, flow_id: str, as_json: bool) -> None:
    """Show a flow and the time range that its segments span."""
    shown = await store.flow(flow_id, include_timerange=True)
    if as_json:
        write_json(shown.document)
        return
    write_fields(_fields(shown))


def _fields(flow: Flow) -> list[tuple[str, object]]:
    return [
        ("id", flow.id),
        ("source", flow.source_id),
        ("label", flow.label),
        ("description", flow.description),
        ("format", flow.format),
        ("codec", flow.codec),
        ("container", flow.container),
        ("timerange", flow.timerange),
        ("read only", "yes" if flow.read_only else None),
        ("essence", flow.essence_parameters),
        ("tags", flow.tags),
        ("collects", [f"{item.id} as {item.role}" for item in flow.flow_collection]),
        ("collected by", flow.collected_by),
    ]
