"""`tams doctor --objects`: lists the objects that the tables or object storage lack."""

import os

import click

from client.cli.terminal.output import JsonList, printable, size
from client.doctor.inventory import Difference, Inventory, compare


def write_inventory(*, as_json: bool) -> int:
    """Write each difference as it is found, and the numbers; returns 1 if there are differences, else 0."""
    inventory, listed = Inventory(), JsonList()
    for difference in compare(os.environ, inventory):
        if as_json:
            listed.add(difference)
        else:
            _write(difference)
    if as_json:
        listed.close()
    _write_numbers(inventory)
    return int(inventory.lost + inventory.left_over > 0)


def _write(difference: Difference) -> None:
    place = printable(f"{difference.bucket}/{difference.key}")
    if difference.kind == "lost":
        click.echo(f"lost       {printable(difference.object_id or '')}: {place}")
    else:
        click.echo(f"left over  {size(difference.size or 0):>9}: {place}")


def _write_numbers(inventory: Inventory) -> None:
    """Write the numbers to standard error, as the list may go to a file."""
    click.echo(f"{inventory.rows} objects in the tables, {inventory.stored} in object storage", err=True)
    click.echo(f"lost: {inventory.lost}", err=True)
    click.echo(f"left over: {inventory.left_over}, {size(inventory.left_over_bytes)}", err=True)
    if inventory.recent:
        click.echo(f"stored in the last minutes, not judged: {inventory.recent}", err=True)
    if inventory.unlisted:
        click.echo(
            f"rows of unknown backends, or outside their prefix, not judged: {inventory.unlisted}", err=True
        )
