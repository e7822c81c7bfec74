"""`tams delete`."""

import sys

import click

from client.api import TamsClient
from client.cli.session import with_store


@click.command()
@click.argument("flow_id", metavar="FLOW")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_store
async def delete(store: TamsClient, *, flow_id: str, yes: bool) -> None:
    """Delete a flow and its segments."""
    if not yes:
        await _ask(store, flow_id)
    pending = await store.delete_flow(flow_id)
    click.echo(f"deleting {flow_id} goes on in the store" if pending else f"deleted {flow_id}", err=True)


async def _ask(store: TamsClient, flow_id: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody to ask; add --yes")
    flow = await store.flow(flow_id, include_timerange=True)
    named = f"{flow.id} ({flow.label})" if flow.label else flow.id
    click.confirm(f"Delete flow {named}, timerange {flow.timerange}?", abort=True, err=True)
