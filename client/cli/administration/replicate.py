"""`tams replicate`: copies or moves objects to a storage backend."""

from collections import Counter

import click

from client.api import TamsClient
from client.cli import exits
from client.cli.session import with_patient_store
from client.cli.terminal.output import as_json, printable, size, write_json
from client.cli.terminal.progress import bar
from client.replicating import Outcome, Replication


@click.command()
@click.argument("objects", nargs=-1, metavar="[OBJECT]...")
@click.option("--flow", "flows", multiple=True, metavar="ID", help="All objects of a flow.")
@click.option("--source", "sources", multiple=True, metavar="ID", help="Those of all flows of a source.")
@click.option("--to", "backend", required=True, metavar="BACKEND", help="Label or id of a storage backend.")
@click.option("--move", is_flag=True, help="Move the objects, instead of keeping them where they are too.")
@click.option("--dry-run", is_flag=True, help="List the objects to copy, and copy nothing.")
@as_json
@with_patient_store
async def replicate(
    store: TamsClient,
    *,
    objects: tuple[str, ...],
    flows: tuple[str, ...],
    sources: tuple[str, ...],
    backend: str,
    move: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy objects to a storage backend, or move them there, by their ids or those of flows and sources.

    Bytes are verified. Clients get a URL of each copy, and one of a moved object at its new place. The same
    command continues an interrupted one. Copies that are there already are only looked for, and written again
    if their bytes are gone. An object that cannot be copied does not stop the others. The store must offer
    administration (TAMS_GATEWAY_ADMIN=true at its gateway, as `tams up` sets it).
    """
    if not (objects or flows or sources):
        raise click.UsageError("give objects, --flow or --source")
    replication = Replication(store, await _storage_id(store, backend), move=move)
    wanted = replication.objects(flows, sources, objects)
    outcomes = replication.missing(wanted) if dry_run else replication.run(wanted)
    counts: Counter[str] = Counter()
    copied, listed = 0, []
    with bar("objects") as report:
        async for outcome in outcomes:
            counts[outcome.state] += 1
            copied += outcome.bytes
            report(size(copied), counts.total(), 0)
            if as_json:
                listed.append(outcome._asdict())
            elif outcome.state == "failed" or (dry_run and outcome.state == "copied"):
                click.echo(_line(outcome), err=outcome.state == "failed")
    if as_json:
        write_json(listed)
    verb = "to copy" if dry_run else ("moved" if move else "copied")
    names = {"copied": verb, "present": "there already", "outside": "outside the store", "failed": "failed"}
    summary = ", ".join(f"{counts[state]} {name}" for state, name in names.items() if counts[state])
    click.echo(summary or "no objects", err=True)
    if counts["failed"]:
        raise exits.Failed(f"{counts['failed']} of {counts.total()} objects failed")


async def _storage_id(store: TamsClient, name: str) -> str:
    """The id of the backend with a label or an id."""
    backends = await store.storage_backends()
    found = [each.id for each in backends if name in {each.id, each.label}]
    if len(found) != 1:
        known = ", ".join(str(each.label or each.id) for each in backends)
        fault = "several storage backends have" if found else "no storage backend has"
        raise exits.Failed(f"{fault} the label or id {name!r}; there are: {known}", exits.NOT_FOUND)
    return found[0]


def _line(outcome: Outcome) -> str:
    if not outcome.reason:
        return printable(outcome.object_id)
    return f"{printable(outcome.object_id)}: {printable(' '.join(outcome.reason.split()))}"
