"""`tams reconcile`: lists objects without bytes, and bytes that no object has."""

import sys
from dataclasses import dataclass

import click
import msgspec

from client.api import TamsClient, builtins
from client.api.reconciliation import Difference, Step
from client.cli.session import with_patient_store
from client.cli.terminal.output import as_json, printable, size
from client.cli.terminal.progress import bar

_HAS_DIFFERENCES = 1


@dataclass(slots=True)
class _Total:
    stored: int = 0
    objects: int = 0
    recent: int = 0
    missing: int = 0
    orphaned: int = 0
    orphaned_bytes: int = 0

    def add(self, step: Step) -> None:
        self.stored += step.stored
        self.objects += step.objects
        self.recent += step.recent
        for one in step.differences:
            self.missing += one.kind == "missing"
            self.orphaned += one.kind == "orphaned"
            self.orphaned_bytes += one.size or 0


@click.command()
@click.option("--from", "begin", metavar="KEY", help="Go on with the step that has this key.")
@as_json
@with_patient_store
async def reconcile(store: TamsClient, *, begin: str | None, as_json: bool) -> None:
    """Compare all objects with the bytes in the buckets, both ways, and change nothing.

    Missing bytes belong to objects that segments use, or to stored copies of them. Orphaned bytes belong to
    no object and no copy. What changed in the last 15 minutes is not judged, and keys outside the prefixes of
    the backends are not looked at. The store must offer administration (TAMS_GATEWAY_ADMIN=true at its
    gateway, as `tams up` sets it).

    With --json each line is a JSON object: a difference, or the progress with the key of the next step. Exit
    codes: 0 no differences, 1 differences found, or another failure.
    """
    total = _Total()
    with bar("compared") as report:
        async for step in store.reconciliation.steps(begin):
            total.add(step)
            for one in step.differences:
                _write(one, as_json=as_json)
            if as_json:
                _line({"kind": "progress", **builtins(step), "differences": len(step.differences)})
            compared = total.stored + total.objects
            report(str(compared), compared, 0)
    if not as_json:
        _write_numbers(total)
    if total.missing or total.orphaned:
        click.get_current_context().exit(_HAS_DIFFERENCES)


def _write(one: Difference, *, as_json: bool) -> None:
    if as_json:
        _line(builtins(one))
    elif one.kind == "missing":
        place = printable(f"{one.storage_id}/{one.storage_path}")
        click.echo(f"missing   {printable(one.object_id or '')}: {place}")
    else:
        click.echo(f"orphaned  {size(one.size or 0):>9}: {printable(f'{one.storage_id}/{one.storage_path}')}")


def _line(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def _write_numbers(total: _Total) -> None:
    """Write the numbers to standard error, as the list may go to a file."""
    click.echo(f"{total.objects} objects that segments use, {total.stored} stored", err=True)
    click.echo(f"missing: {total.missing}", err=True)
    click.echo(f"orphaned: {total.orphaned}, {size(total.orphaned_bytes)}", err=True)
    if total.recent:
        click.echo(f"changed in the last 15 minutes, not judged: {total.recent}", err=True)
