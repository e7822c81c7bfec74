"""`tams doctor`."""

import asyncio
from typing import Final

import click

from client.api import ApiError, TamsClient, Target, Unreachable
from client.cli import exits
from client.cli.administration.inventory import write_inventory
from client.cli.target import open_target
from client.cli.terminal.confirming import ask_to_type
from client.cli.terminal.output import as_json, printable, write_json
from client.doctor import Finding, Grade, Scope, examine
from client.local.errors import CannotRun

_FINE: Final = 0
_HAS_PROBLEMS: Final = 1
_CANNOT_CHECK: Final = 2
_NO_REPAIR: Final = (
    "--objects does not repair: lost bytes follow from nothing else, and bytes that are left over may be the"
    " only copy; the list shows both"
)
_MARKS: Final = {Grade.FINE: "ok", Grade.PROBLEM: "PROBLEM", Grade.UNCHECKED: "not checked"}


@click.command()
@click.option("--probe/--no-probe", default=True, help="Store and read an object on each storage backend.")
@click.option("--max-flows", type=click.IntRange(1, 100_000), help="Most flows to check.  [default: 1000]")
@click.option(
    "--max-segments",
    type=click.IntRange(1, 10_000_000),
    help="Most segments to check.  [default: 100000]",
)
@click.option("--all", "check_all", is_flag=True, help="Check all rows.")
@click.option("--objects", is_flag=True, help="Only compare all objects with object storage, both ways.")
@click.option("--repair", is_flag=True, help="Rewrite rows that contradict the rows they derive from.")
@click.option("--dry-run", is_flag=True, help="With --repair: list the rows to rewrite, change nothing.")
@click.option("--confirm", metavar="SCHEMA", help="With --repair: the schema's name, instead of a prompt.")
@as_json
@click.pass_context
def doctor(
    context: click.Context,
    *,
    probe: bool,
    max_flows: int | None,
    max_segments: int | None,
    check_all: bool,
    objects: bool,
    repair: bool,
    dry_run: bool,
    confirm: str | None,
    as_json: bool,
) -> None:
    """Check a store for problems: its services, clocks, tables and object storage.

    The probe creates a flow and deletes it; webhooks receive both events. A repair rewrites statistics,
    columns, tags and lists from the documents, segments and collections that they derive from. It keeps the
    newest of several rows with the same id, and removes rows without an owner. Clients can go on working
    meanwhile. Exit codes: 0 no problem found, 1 problems found, 2 the store cannot be checked.

    With --objects it reads all rows of objects and lists all stored objects, where TAMS_STORE_URL and
    TAMS_MEDIA_STORAGE_CONFIG name them, or TAMS_DATA_DIR those of `tams up`. It changes nothing.
    """
    if objects and repair:
        raise click.UsageError(_NO_REPAIR)
    try:
        if objects:
            context.exit(write_inventory(as_json=as_json))
        target = open_target(context.obj)
        if repair and not dry_run:
            confirm = confirm or ask_to_type("rewrite rows", asyncio.run(_schema(target)))
        scope = Scope(max_flows, max_segments, check_all or repair, repair, confirm or "" if repair else "")
        findings = asyncio.run(_examine(target, scope, probe, quiet=as_json))
    except (Unreachable, ApiError, ValueError, exits.Failed, CannotRun) as error:
        click.echo(f"tams: cannot check: {printable(str(error))}", err=True)
        context.exit(_CANNOT_CHECK)
    if as_json:
        write_json(findings)
    has_problems = any(finding.grade is Grade.PROBLEM for finding in findings)
    context.exit(_HAS_PROBLEMS if has_problems else _FINE)


async def _schema(target: Target) -> str:
    async with TamsClient(target, attempts=1) as store:
        return (await store.admin.tables()).schema


async def _examine(target: Target, scope: Scope, probe: bool, *, quiet: bool) -> list[Finding]:
    findings = []
    async with TamsClient(target, attempts=1) as store:
        async for finding in examine(store, scope, probe=probe):
            findings.append(finding)
            if not quiet:
                _write(finding)
    return findings


def _write(finding: Finding) -> None:
    click.echo(f"{_MARKS[finding.grade]:<12} {printable(finding.check)}: {printable(finding.summary)}")
    if finding.next_step:
        click.echo(f"{'':<12}   {finding.next_step}")
