"""`tams gc`: deletes the bytes of unused objects now, or lists them."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass

import click

from client.api import TamsClient
from client.api.unused_objects import UnusedObject
from client.cli import exits
from client.cli.session import with_patient_store
from client.cli.terminal.listing import at_most, write_all, write_rows
from client.cli.terminal.output import as_json, size, write_json, write_table
from client.cli.terminal.progress import bar

_COLUMNS = ("id", "cause", "unused since", "size", "storage")


@dataclass(slots=True)
class _Total:
    objects: int = 0
    bytes: int = 0
    unmeasured: int = 0
    oldest: str = ""

    def add(self, one: UnusedObject) -> None:
        self.objects += 1
        self.bytes += one.size or 0
        self.unmeasured += one.size is None
        self.oldest = min(self.oldest or one.unused_since, one.unused_since)

    def row(self, name: str) -> tuple[object, ...]:
        return name, self.objects, size(self.bytes), self.unmeasured or "", self.oldest


@click.command()
@click.option("--dry-run", is_flag=True, help="List what would be deleted, and delete nothing.")
@at_most
@as_json
@with_patient_store
async def gc(store: TamsClient, *, dry_run: bool, limit: int | None, as_json: bool) -> None:
    """Delete the bytes of objects that no segment uses any more, without waiting for the store to do it.

    An object must have been unused for as long as the settings of the store say. The store must offer
    administration (TAMS_GATEWAY_ADMIN=true at its gateway, as `tams up` sets it).
    """
    if limit is not None and not dry_run:
        raise click.UsageError("--limit needs --dry-run")
    if not dry_run:
        await _reclaim(store, as_json=as_json)
    elif as_json:
        await write_all(store.unused_objects.list(), limit, lambda one: one)
    else:
        await _list(store, limit)


async def _reclaim(store: TamsClient, *, as_json: bool) -> None:
    deleted, failed, may_continue = 0, 0, True
    with bar("deleted objects") as report:
        while may_continue:
            step = await store.unused_objects.reclaim()
            deleted, failed = deleted + step.deleted, failed + step.failed
            may_continue = not step.complete and step.deleted > 0
            report(str(deleted), deleted, 0)
    if as_json:
        write_json({"deleted": deleted, "failed": failed})
    else:
        click.echo(f"deleted the bytes of {deleted} objects", err=True)
    if failed:
        raise exits.Failed(f"the bytes of {failed} objects could not be deleted; the store tries again")


async def _list(store: TamsClient, limit: int | None) -> None:
    totals: dict[str, _Total] = defaultdict(_Total)

    async def counted() -> AsyncIterator[UnusedObject]:
        async for one in store.unused_objects.list():
            totals[one.storage_id].add(one)
            totals[""].add(one)
            yield one

    objects = counted()
    await write_rows(
        objects,
        limit,
        _COLUMNS,
        lambda one: (one.id, one.cause, one.unused_since, _size(one), one.storage_id),
        whole=3,
    )
    async for _ in objects:
        pass  # those that the table leaves out are counted too
    if not totals:
        click.echo("no bytes to delete", err=True)
        return
    labels = {backend.id: backend.label for backend in await store.storage_backends()}
    total = totals.pop("")
    click.echo()
    rows = [each.row(labels.get(one) or one) for one, each in totals.items()]
    write_table(("storage", "objects", "size", "not measured", "oldest"), [*rows, total.row("total")])


def _size(one: UnusedObject) -> str:
    return "" if one.size is None else size(one.size)
