"""`tams login`."""

import asyncio
import os
from pathlib import Path
from typing import Final

import click
import msgspec

from client.api import Target
from client.cli.access import Access
from client.cli.credentials.failing import login_errors
from client.cli.terminal.output import printable
from client.login import ConfigFolder, Profile, Profiles, log_in
from client.login.oidc.device import Device
from client.login.oidc.exchange import is_protected
from client.login.profiles import DEFAULT, check_name, is_same_store, store_profile

_WITHOUT_ISSUER: Final = ("api_key_file", "user", "password_file")


@click.command()
@click.option(
    "--profile",
    "name",
    metavar="NAME",
    help=f"Name of the profile.  [default: the current one, else {DEFAULT}]",
)
@click.option("--url", metavar="URL", help="Address of the store's API.")
@click.option("--issuer", metavar="URL", help="OIDC server that issues tokens for the store.")
@click.option("--client-id", metavar="ID", help="This client at the OIDC server.")
@click.option("--client-secret-file", metavar="FILE", help="File with the client's secret.")
@click.option("--audience", metavar="TEXT", help="Audience to ask for, where the server needs that.")
@click.option("--scope", metavar="TEXT", help="Scopes to ask for, such as 'offline_access tams-api/read'.")
@click.option("--device", is_flag=True, help="A person logs in although the client has a secret.")
@click.option("--ca-file", metavar="FILE", help="Certificate authorities to trust besides the system's.")
@click.pass_context
def login(context: click.Context, /, *, name: str | None, device: bool, **given: str | None) -> None:
    """Log in to a store, and remember it as a profile.

    A client with a secret logs in by itself (client credentials). Without one, the command shows a page and
    a code; a person allows the login there, in any browser (device authorization). The token is kept in
    ~/.config/tams, readable for its owner only, and is renewed before it expires.

    \b
    tams login --url https://tams.example --issuer https://id.example/realms/media --client-id tams-cli
    tams login            again, with the same settings
    tams logout           end the login

    Without an issuer the profile remembers the --api-key-file, or the --user and --password-file, that are
    given before the command: tams --api-key-file key login --profile archive --url https://tams.example
    """
    folder = ConfigFolder.of(os.environ)
    access: Access = context.obj
    with login_errors():
        profiles = Profiles.load(folder)
        chosen = name or access.profile or _again(profiles, given)
        check_name(chosen)
        known = profiles.profiles.get(chosen)
        _check_store(chosen, known, access.url if given["url"] is None else None)
        profile = _profile(known, _given(access, given), device=device)
        # For its check of the URL.
        Target(profile.url, ca_file=profile.ca_file)
        asyncio.run(_log_in(folder, chosen, profile))
    if not is_protected(profile.url):
        click.echo("this URL is not https, so others on the network can read the credentials", err=True)
    verb = "logged in" if profile.issuer else "remembered"
    click.echo(f"{verb}: {printable(profile.url)} is profile {chosen}", err=True)


async def _log_in(folder: ConfigFolder, name: str, profile: Profile) -> None:
    if profile.issuer:
        await log_in(folder, name, profile, _show)
    await store_profile(folder, name, profile)


def _again(profiles: Profiles, given: dict[str, str | None]) -> str:
    """The current profile if nothing about another store is given."""
    return DEFAULT if given["url"] or given["issuer"] else profiles.current or DEFAULT


def _check_store(name: str, known: Profile | None, url: str | None) -> None:
    """click.UsageError if a URL beside the command, maybe of TAMS_URL, is not that of the profile.

    Otherwise the next login would send the profile's token to another store, unnoticed.
    """
    if known is not None and url is not None and not is_same_store(url, known.url):
        raise click.UsageError(
            f"profile {name} is for {known.url}, and another URL is given; to change it, use login --url"
        )


def _given(access: Access, given: dict[str, str | None]) -> dict[str, str]:
    """The options that are set, by the names of a profile. Files have absolute paths."""
    outer = {
        "url": access.url,
        "ca_file": access.ca_file,
        "api_key_file": access.api_key_file,
        "user": access.user,
        "password_file": access.password_file,
    }
    merged = {name: given.get(name) or outer.get(name) or "" for name in (*outer, *given)}
    return {
        name: str(Path(value).absolute()) if name.endswith("_file") else value
        for name, value in merged.items()
        if value
    }


def _profile(known: Profile | None, given: dict[str, str], *, device: bool) -> Profile:
    """The profile with what is given. click.UsageError if that is no way to log in."""
    if known is None and "url" not in given:
        raise click.UsageError("a new profile needs --url")
    members: dict[str, object] = {**(msgspec.to_builtins(known) if known else {}), **given}
    if not members.get("issuer"):
        return _without_issuer(members, given)
    if not members.get("client_id"):
        raise click.UsageError("--issuer needs --client-id")
    if not {"issuer", "client_secret_file"} & given.keys():
        device |= bool(members.get("device"))
    members |= {"device": device or not members.get("client_secret_file")}
    kept = {name: value for name, value in members.items() if name not in _WITHOUT_ISSUER}
    return msgspec.convert(kept, Profile)


def _without_issuer(members: dict[str, object], given: dict[str, str]) -> Profile:
    """The profile of callers with an API key or a password; what is given replaces the other way."""
    if "api_key_file" in given and "user" in given:
        raise click.UsageError("an API key file and a user are given; a profile takes one of them")
    if "api_key_file" in given:
        members = {name: value for name, value in members.items() if name not in ("user", "password_file")}
    elif "user" in given:
        members = {name: value for name, value in members.items() if name != "api_key_file"}
    if not members.get("api_key_file") and not members.get("user"):
        raise click.UsageError("a login needs --issuer and --client-id, an --api-key-file or a --user")
    return msgspec.convert(members, Profile)


def _show(device: Device) -> None:
    click.echo(f"Open {printable(device.verification_uri)}", err=True)
    click.echo(f"and enter the code {printable(device.user_code)}", err=True)
    if device.verification_uri_complete:
        click.echo(f"or open {printable(device.verification_uri_complete)}", err=True)
