"""`tams doctor`."""

import asyncio
from typing import Final

import click

from client.api import TamsClient, Unreachable
from client.cli.output import as_json, printable, write_json
from client.doctor import Finding, Grade, examine

_FINE: Final = 0
_FOUND: Final = 1
_CANNOT_CHECK: Final = 2
_MARKS: Final = {Grade.FINE: "ok", Grade.PROBLEM: "PROBLEM", Grade.UNCHECKED: "not checked"}


@click.command()
@click.option("--probe/--no-probe", default=True, help="Store and read an object on each storage backend.")
@click.option("--max-flows", type=click.IntRange(1, 100_000), help="Most flows to look at.  [default: 1000]")
@click.option(
    "--max-segments",
    type=click.IntRange(1, 10_000_000),
    help="Most segments to look at.  [default: 100000]",
)
@as_json
@click.pass_context
def doctor(
    context: click.Context, *, probe: bool, max_flows: int | None, max_segments: int | None, as_json: bool
) -> None:
    """Look for what is wrong with a store: its parts, clocks, tables and object storage.

    The probe makes a flow of its own and deletes it again, which webhooks tell of. Exit codes: 0 nothing
    was found, 1 something was, 2 the store cannot be checked.
    """
    try:
        found = asyncio.run(_examined(context.obj, probe, max_flows, max_segments, quiet=as_json))
    except (Unreachable, ValueError) as error:
        click.echo(f"tams: cannot check: {printable(str(error))}", err=True)
        context.exit(_CANNOT_CHECK)
    if as_json:
        write_json(found)
    context.exit(_FOUND if any(one.grade is Grade.PROBLEM for one in found) else _FINE)


async def _examined(
    url: str, probe: bool, max_flows: int | None, max_segments: int | None, *, quiet: bool
) -> list[Finding]:
    found = []
    async with TamsClient(url, attempts=1) as store:
        examined = examine(store, url, probe=probe, max_flows=max_flows, max_segments=max_segments)
        async for finding in examined:
            found.append(finding)
            if not quiet:
                _write(finding)
    return found


def _write(finding: Finding) -> None:
    click.echo(f"{_MARKS[finding.grade]:<12} {printable(finding.check)}: {printable(finding.summary)}")
    if finding.next_step:
        click.echo(f"{'':<12}   {finding.next_step}")
