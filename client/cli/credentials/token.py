"""`tams token`."""

from pathlib import Path
from typing import Final

import click

from client.cli import exits
from client.local.errors import CannotRun

SCOPES: Final = ("read", "write", "delete", "admin")
_WEEK_MINUTES: Final = 7 * 24 * 60


class ScopesType(click.ParamType[tuple[str, ...]]):
    """Scopes with commas between them."""

    name = "scopes"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Parse the text."""
        words = value if isinstance(value, tuple) else tuple(str(value).split(","))
        for word in words:
            if word not in SCOPES:
                self.fail(f"{word!r} is not one of {', '.join(SCOPES)}", param, ctx)
        return words


@click.command()
@click.option("--scope", "scopes", type=ScopesType(), default="read", show_default=True,
              help="Scopes, with commas: read, write, delete, admin.")  # fmt: skip
@click.option("--class", "classes", multiple=True, metavar="CLASS",
              help="A class of sources and flows to see; repeat it for more.  [default: all]")  # fmt: skip
@click.option("--subject", default="local", show_default=True, help="The name of the caller.")
@click.option("--minutes", type=click.IntRange(1, _WEEK_MINUTES), default=60, show_default=True,
              help="Minutes for which it is valid.")  # fmt: skip
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), default=".tams",
              envvar="TAMS_DATA_DIR", show_envvar=True, show_default=True,
              help="The data directory of the store.")  # fmt: skip
def token(
    *, scopes: tuple[str, ...], classes: tuple[str, ...], subject: str, minutes: int, data_dir: Path
) -> None:
    """Print a token for a store of `tams up --auth` on this machine.

    The store accepts tokens that are signed with a key in its data directory. The first use makes the key.
    Whoever can read it can do everything in that store, so use it for development only.

    \b
    export TAMS_TOKEN=$(tams token --scope read,write)
    """
    # Imported here, as help needs no cryptography.
    from client.local.issuer import signing  # noqa: PLC0415

    try:
        made = signing.make_token(
            data_dir, scopes=scopes, subject=subject, minutes=minutes, classes=classes or signing.ALL
        )
    except CannotRun as error:
        raise exits.Failed(str(error)) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(made)
