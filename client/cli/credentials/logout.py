"""`tams logout`."""

import asyncio
import os

import click

from client.cli.access import Access
from client.cli.credentials.failing import login_errors
from client.login import ConfigFolder, Profiles, log_out


@click.command()
@click.option("--profile", "name", metavar="NAME", help="Name of the profile.  [default: the current one]")
@click.pass_context
def logout(context: click.Context, /, *, name: str | None) -> None:
    """Log out of a store: remove its token, and revoke it where the OIDC server can do that.

    The profile stays, for the next login.
    """
    folder = ConfigFolder.of(os.environ)
    access: Access = context.obj
    with login_errors():
        profiles = Profiles.load(folder)
        chosen = name or access.profile or profiles.current
        if not chosen:
            raise click.UsageError("there is no current profile; give --profile")
        was_in = asyncio.run(log_out(folder, chosen, profiles.find(chosen)))
    click.echo(f"profile {chosen} {'is' if was_in else 'was already'} logged out", err=True)
