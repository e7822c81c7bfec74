"""`tams audit`: shows, follows and exports the audit log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final, TypedDict, Unpack

import click
import msgspec

from client.api import TamsClient, builtins
from client.api.audit import AuditEntry
from client.cli.administration.audit_files import write_csv, write_parquet
from client.cli.session import with_patient_store
from client.cli.terminal.listing import at_most, page_size, write_all, write_rows
from client.cli.terminal.output import as_json, printable

_POLL_SECONDS: Final = 2.0
_COLUMNS: Final = ("number", "time", "principal", "action", "resource", "outcome", "facts")


class _Time(click.ParamType[str]):
    """A time as RFC 3339 text; without an offset, one of this machine's zone."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time in UTC."""
        try:
            return datetime.fromisoformat(str(value)).astimezone(UTC).isoformat().replace("+00:00", "Z")
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time; write it like 2026-03-01T12:00:00Z", param, ctx)


class Filters(TypedDict):
    """The options that filter entries."""

    principal: str | None
    action: str | None
    resource: str | None
    since: str | None
    until: str | None


class Output(TypedDict):
    """The options that choose the form of the output."""

    limit: int | None
    as_json: bool
    follow: bool
    csv: str | None
    parquet: str | None


class Options(Filters, Output):
    """All options."""


@click.command()
@click.option("--principal", help="Only entries of this caller, such as user:alice.")
@click.option("--action", help="Only this action, such as flows.put or flows.*.")
@click.option("--resource", help="Only this resource, such as flow:<id> or webhook:*.")
@click.option("--since", type=_Time(), help="Only entries from this time on.")
@click.option("--until", type=_Time(), help="Only entries before this time.")
@at_most
@as_json
@click.option("--follow", is_flag=True, help="Write new entries as they come, until interrupted.")
@click.option("--csv", type=click.Path(dir_okay=False), help="Write all entries to a CSV file.")
@click.option("--parquet", type=click.Path(dir_okay=False), help="Write all entries to a Parquet file.")
@with_patient_store
async def audit(store: TamsClient, /, **options: Unpack[Options]) -> None:
    """Show who did what in a store, the newest first. Files have the oldest first."""
    filters: Filters = {name: options[name] for name in Filters.__annotations__}  # type: ignore[assignment,literal-required] # the keys of one are keys of the other
    _check_forms(options)
    if options["csv"] or options["parquet"]:
        await _export(store, filters, options)
    elif options["follow"]:
        await _follow(store, filters, as_json=options["as_json"])
    else:
        await _show(store, filters, options["limit"], as_json=options["as_json"])


def _check_forms(options: Output) -> None:
    forms = {"--json": options["as_json"], "--csv": options["csv"], "--parquet": options["parquet"]}
    given = [name for name, value in forms.items() if value]
    if len(given) > 1:
        raise click.UsageError(f"give one of {' and '.join(given)}")
    if options["follow"] and (options["csv"] or options["parquet"] or options["limit"]):
        raise click.UsageError("--follow goes with --json and filters only")


async def _show(store: TamsClient, filters: Filters, limit: int | None, *, as_json: bool) -> None:
    entries = store.audit.entries(limit=page_size(limit), **filters)
    if as_json:
        await write_all(entries, limit, lambda entry: entry)
    elif not await write_rows(entries, limit, _COLUMNS, _cells, whole=2):
        click.echo("no entries", err=True)


async def _follow(store: TamsClient, filters: Filters, *, as_json: bool) -> None:
    """Write entries from the latest one on, or from `since` on, one on each line."""
    last = 0
    if filters["since"] is None:
        async for entry in store.audit.entries(limit=1):
            last = entry.number
            break
    while True:
        async for entry in store.audit.entries(oldest_first=True, after=last, **filters):
            last = entry.number
            click.echo(_json(entry) if as_json else "  ".join(map(printable, map(str, _cells(entry)))))
        await asyncio.sleep(_POLL_SECONDS)


async def _export(store: TamsClient, filters: Filters, output: Output) -> None:
    entries: AsyncIterator[AuditEntry] = store.audit.entries(oldest_first=True, **filters)
    if output["csv"]:
        count = await write_csv(output["csv"], entries, output["limit"])
    else:
        count = await write_parquet(output["parquet"] or "", entries, output["limit"])
    click.echo(f"{count} entries", err=True)


def _cells(entry: AuditEntry) -> tuple[object, ...]:
    facts = " ".join(f"{name}={value}" for name, value in entry.facts.items())
    time = entry.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return entry.number, time, entry.principal, entry.action, entry.resource, entry.outcome, facts


def _json(entry: AuditEntry) -> str:
    return msgspec.json.encode(builtins(entry)).decode()
