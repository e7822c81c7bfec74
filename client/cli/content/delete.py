"""`tams delete`."""

import sys

import click

from client.api import TamsClient
from client.cli import exits
from client.cli.session import with_store
from client.cli.terminal.output import printable


@click.command()
@click.argument("flow_id", metavar="FLOW")
@click.option("--soft", is_flag=True, help="Keep it in the trash, from where it can be restored.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_store
async def delete(store: TamsClient, *, flow_id: str, soft: bool, yes: bool) -> None:
    """Delete a flow and its segments."""
    if not yes and not await _confirmed(store, flow_id):
        raise exits.Failed("nothing deleted")
    pending = await store.delete_flow(flow_id, soft=soft or None)
    click.echo(f"the store is still deleting {flow_id}" if pending else f"deleted {flow_id}", err=True)


async def _confirmed(store: TamsClient, flow_id: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on; add --yes")
    flow = await store.flow(flow_id, include_timerange=True)
    name = f"{flow.id} ({printable(flow.label)})" if flow.label else flow.id
    return click.confirm(f"Delete flow {name},  timerange {flow.timerange}?", err=True)
