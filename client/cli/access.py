"""The options and variables that say which store a command talks to, and who calls it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])

DEFAULT_URL: Final = "http://127.0.0.1:8000"
# There are no options for these: others on the machine see the arguments of a process.
PASSWORD: Final = "TAMS_PASSWORD"  # noqa: S105 - the name of a variable
API_KEY: Final = "TAMS_API_KEY"


@dataclass(frozen=True, kw_only=True)
class Access:
    """The options as they were given; `client.cli.target.open_target` makes a store of them."""

    url: str | None
    profile: str | None
    token: str | None = field(repr=False)
    token_file: str | None
    api_key_file: str | None
    user: str | None
    password_file: str | None
    ca_file: str | None
    trace: bool


def access_options(command: F) -> F:
    """Add those of Access to a command."""
    for name, variable, metavar, meaning in (
        ("--ca-file", "TAMS_CA_FILE", "FILE", "Certificate authorities to trust besides the system's."),
        ("--password-file", "TAMS_PASSWORD_FILE", "FILE", "File with the password of the user."),
        (
            "--user",
            "TAMS_USER",
            "NAME",
            f"User of the store. The password is in {PASSWORD} or in a file, or is asked for.",
        ),
        ("--api-key-file", "TAMS_API_KEY_FILE", "FILE", f"File with an API key; or set {API_KEY}."),
        ("--token-file", "TAMS_TOKEN_FILE", "FILE", "File with a bearer token."),
        ("--token", "TAMS_TOKEN", "TEXT", "Bearer token. Others see arguments, so better set the variable."),
        ("--profile", "TAMS_PROFILE", "NAME", "Profile with the store and its login; see tams login."),
        ("--url", "TAMS_URL", "URL", f"Address of the store's API.  [default: {DEFAULT_URL}]"),
    ):
        command = click.option(name, envvar=variable, show_envvar=True, metavar=metavar, help=meaning)(
            command
        )
    return command
