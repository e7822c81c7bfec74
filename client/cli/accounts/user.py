"""`tams user`: users of the store, who log in with a password."""

import sys
from pathlib import Path
from typing import Final

import click

from client.api import TamsClient, UserPassword
from client.api.accounts import ScopeName
from client.cli.accounts.classes import classes_option, classes_text
from client.cli.accounts.scopes import scope_choice, scope_option, scopes_text, time_text
from client.cli.session import with_store
from client.cli.terminal.output import as_json, printable, write_json, write_table

_STDIN: Final = "-"

# There is no option for the password itself: others on the machine see the arguments of a process.
password_file_option = click.option(
    "--password-file",
    metavar="FILE",
    help="File with the password, or - for standard input; without it the command asks.",
)


@click.group()
def user() -> None:
    """Administer the users of a store. This needs the scope admin."""


@user.command()
@click.argument("name")
@scope_option
@classes_option
@password_file_option
@with_store
async def add(
    store: TamsClient,
    *,
    name: str,
    scopes: tuple[ScopeName, ...],
    classes: tuple[str, ...] | None,
    password_file: str | None,
) -> None:
    """Add a user, by default with all classes."""
    added = await store.accounts.add_user(name, _password(password_file), scopes, classes)
    click.echo(f"added {added.name}: {scopes_text(added.scopes)}", err=True)


@user.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", type=scope_choice, multiple=True, help="A new permission, in place of the old ones."
)
@classes_option
@with_store
async def change(
    store: TamsClient, *, name: str, scopes: tuple[ScopeName, ...], classes: tuple[str, ...] | None
) -> None:
    """Give a user other scopes or classes."""
    if not scopes and classes is None:
        raise click.UsageError("give --scope or --classes")
    changed = await store.accounts.change_user(name, scopes or None, classes)
    words = f"{scopes_text(changed.scopes)}, classes {classes_text(changed.classes) or 'none'}"
    click.echo(f"changed {printable(changed.name)}: {words}", err=True)


@user.command("list")
@as_json
@with_store
async def list_users(store: TamsClient, *, as_json: bool) -> None:
    """List the users."""
    users = await store.accounts.users()
    if as_json:
        write_json(users)
        return
    rows = [
        (
            each.name,
            scopes_text(each.scopes),
            classes_text(each.classes),
            _state(suspended=each.suspended),
            time_text(each.changed, ""),
        )
        for each in users
    ]
    write_table(("user", "scopes", "classes", "", "changed"), rows)


@user.command()
@click.argument("name")
@with_store
async def suspend(store: TamsClient, *, name: str) -> None:
    """Refuse the password of a user for the time being."""
    await store.accounts.suspend_user(name, suspended=True)
    click.echo(f"suspended {printable(name)}", err=True)


@user.command()
@click.argument("name")
@with_store
async def activate(store: TamsClient, *, name: str) -> None:
    """Accept the password of a suspended user again."""
    await store.accounts.suspend_user(name, suspended=False)
    click.echo(f"activated {printable(name)}", err=True)


@user.command()
@click.argument("name", required=False)
@password_file_option
@with_store
async def password(store: TamsClient, *, name: str | None, password_file: str | None) -> None:
    """Give a user another password. Without NAME, change your own: log in with the present one.

    Only the password of another user needs the scope admin.
    """
    if name is None:
        present = _present_password(store)
        await store.accounts.change_own_password(present, _password(password_file, "New password"))
        click.echo("changed the password; log in with the new one from now on", err=True)
        return
    await store.accounts.set_password(name, _password(password_file))
    click.echo(f"changed the password of {printable(name)}", err=True)


@user.command()
@click.argument("name")
@with_store
async def remove(store: TamsClient, *, name: str) -> None:
    """Remove a user."""
    await store.accounts.remove_user(name)
    click.echo(f"removed {printable(name)}", err=True)


def _present_password(store: TamsClient) -> str:
    """The password that the caller has logged in with. click.UsageError for other credentials."""
    credentials = store.target.credentials
    if not isinstance(credentials, UserPassword):
        raise click.UsageError("your own password is that of a user: log in with --user, or give NAME")
    return credentials.password


def _password(file: str | None, prompt: str = "Password") -> str:
    """The password in a file, or the one that the user types twice. click.UsageError without a password."""
    if file is None:
        return _typed(prompt)
    try:
        text = sys.stdin.read() if file == _STDIN else Path(file).read_text("utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot read the password in {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"cannot read the password in {file}: it is not text") from None
    return text.removesuffix("\n").removesuffix("\r")


def _typed(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on; add --password-file")
    answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True)
    return answer


def _state(*, suspended: bool) -> str:
    return "suspended" if suspended else ""
