"""`tams profile`."""

import asyncio
import os
import time

import click
import msgspec

from client.api import LoginFailed
from client.cli.credentials.failing import login_errors
from client.cli.terminal.output import as_json, write_json, write_table
from client.login import ConfigFolder, Profile, Profiles, log_out
from client.login.profiles import remove_profile, use_profile
from client.login.token_file import TokenFile


@click.group()
def profile() -> None:
    """List, choose and remove profiles of stores; `tams login` makes them."""


@profile.command("list")
@as_json
def list_profiles(*, as_json: bool) -> None:
    """List profiles; the current one has a star."""
    folder = ConfigFolder.of(os.environ)
    with login_errors():
        known = Profiles.load(folder)
        states = {name: _state(folder, name, entry) for name, entry in known.profiles.items()}
    if as_json:
        write_json([_document(known, name, state) for name, state in states.items()])
        return
    rows = [
        (name, known.profiles[name].url, state, "*" if name == known.current else "")
        for name, state in states.items()
    ]
    if rows:
        write_table(("profile", "store", "login", ""), rows)


@profile.command()
@click.argument("name")
def use(name: str) -> None:
    """Make a profile the one that commands use."""
    with login_errors():
        asyncio.run(use_profile(ConfigFolder.of(os.environ), name))


@profile.command()
@click.argument("name")
def remove(name: str) -> None:
    """Log out and remove a profile."""
    folder = ConfigFolder.of(os.environ)
    with login_errors():
        asyncio.run(_remove(folder, name, Profiles.load(folder).find(name)))


async def _remove(folder: ConfigFolder, name: str, entry: Profile) -> None:
    try:
        await log_out(folder, name, entry)
    except LoginFailed as error:
        click.echo(str(error), err=True)
    await remove_profile(folder, name)


def _document(known: Profiles, name: str, state: str) -> dict[str, object]:
    members: dict[str, object] = msgspec.to_builtins(known.profiles[name])
    return {"name": name, "current": name == known.current, "login": state, **members}


def _state(folder: ConfigFolder, name: str, entry: Profile) -> str:
    """The login of a profile, in words."""
    if not entry.issuer:
        return f"user {entry.user}" if entry.user else "API key"
    try:
        token = TokenFile(folder, name).read()
    except LoginFailed:
        return "damaged; log in again"
    if token is None:
        return "logged out"
    if not token.has_expired(time.time()):
        return "logged in"
    return "expired" if entry.device and not token.refresh_token else "renewed at the next use"
