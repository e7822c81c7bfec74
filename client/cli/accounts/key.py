"""`tams key`: API keys of the store, which programs send as bearer tokens."""

from datetime import UTC, datetime, timedelta

import click

from client.api import TamsClient
from client.api.accounts import ApiKey, ScopeName
from client.cli import exits
from client.cli.accounts.classes import classes_option, classes_text
from client.cli.accounts.scopes import scope_option, scopes_text, time_text
from client.cli.session import with_store
from client.cli.terminal.output import as_json, printable, write_json, write_table

key_argument = click.argument("name", metavar="KEY")


@click.group()
def key() -> None:
    """Administer the API keys of a store. This needs the scope admin.

    KEY is the name or the id of a key. `add` and `rotate` write the text of the key, and nothing else, on
    standard output. The store does not keep it, so it is shown only once.
    """


@key.command()
@click.argument("name")
@scope_option
@classes_option
@click.option("--days", type=click.IntRange(1, 36500), help="Days after which the key expires.")
@with_store
async def add(
    store: TamsClient,
    *,
    name: str,
    scopes: tuple[ScopeName, ...],
    classes: tuple[str, ...] | None,
    days: int | None,
) -> None:
    """Add an API key, by default with all classes."""
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    click.echo(await store.accounts.add_key(name, scopes, expires, classes))
    click.echo(f"added {printable(name)}; keep its text, it is not shown again", err=True)


@key.command("list")
@as_json
@with_store
async def list_keys(store: TamsClient, *, as_json: bool) -> None:
    """List the API keys, without their texts."""
    keys = await store.accounts.keys()
    if as_json:
        write_json(keys)
        return
    write_table(("key", "id", "scopes", "classes", "", "expires", "last used"), map(_cells, keys))


@key.command()
@key_argument
@with_store
async def rotate(store: TamsClient, *, name: str) -> None:
    """Give an API key a new secret; the former one is no longer valid."""
    click.echo(await store.accounts.rotate_key(await _id_of(store, name)))
    click.echo(f"rotated {printable(name)}; keep its text, it is not shown again", err=True)


@key.command()
@key_argument
@with_store
async def suspend(store: TamsClient, *, name: str) -> None:
    """Refuse an API key for the time being."""
    await store.accounts.suspend_key(await _id_of(store, name), suspended=True)
    click.echo(f"suspended {printable(name)}", err=True)


@key.command()
@key_argument
@with_store
async def activate(store: TamsClient, *, name: str) -> None:
    """Accept a suspended API key again."""
    await store.accounts.suspend_key(await _id_of(store, name), suspended=False)
    click.echo(f"activated {printable(name)}", err=True)


@key.command()
@key_argument
@with_store
async def remove(store: TamsClient, *, name: str) -> None:
    """Revoke an API key."""
    await store.accounts.remove_key(await _id_of(store, name))
    click.echo(f"removed {printable(name)}", err=True)


async def _id_of(store: TamsClient, name: str) -> str:
    """The id of the key with this name or id. Failed if there is no such key."""
    keys = await store.accounts.keys()
    found = [each.id for each in keys if each.name == name] or [each.id for each in keys if each.id == name]
    if not found:
        raise exits.Failed(f"there is no API key {printable(name)}", exits.NOT_FOUND)
    return found[0]


def _cells(key: ApiKey) -> tuple[str, ...]:
    return (
        key.name,
        key.id,
        scopes_text(key.scopes),
        classes_text(key.classes),
        "suspended" if key.suspended else "",
        time_text(key.expires, "never"),
        time_text(key.last_used, "never"),
    )
