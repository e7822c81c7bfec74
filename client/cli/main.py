"""The command and what it does with errors."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

from client.cli import exits

# Name, module below client.cli, one line of help. The function in the module has the name of the module.
COMMANDS: Final = {
    "up": ("up", "Run a whole store on this machine."),
    "service": ("service", "Show what the store says of itself."),
    "sources": ("sources", "List sources."),
    "flows": ("flows", "List flows."),
    "flow": ("flow", "Show a flow."),
    "segments": ("segments", "List the segments of a flow."),
    "object": ("media_object", "Show a media object."),
    "stats": ("stats", "Show what is stored, or where a flow has media."),
    "delete": ("delete", "Delete a flow and its segments."),
    "sample": ("sample", "Make a test clip."),
    "ingest": ("ingest", "Store media files."),
    "tables": ("tables", "See and change the tables; load rows in bulk."),
    "sample-data": ("sample_data", "Fill a store with made-up timelines."),
    "doctor": ("doctor", "Look for what is wrong with a store."),
    "export": ("export", "Write a time range of a flow to a file."),
}


class Commands(click.Group):
    """The commands above, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click passes it
        cmd_name: str,
    ) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"client.cli.{module}"), module)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click passes it
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the table without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=Commands, epilog=exits.EXPLAINED)
@click.option(
    "--url",
    envvar="TAMS_URL",
    default="http://127.0.0.1:8000",
    show_default=True,
    show_envvar=True,
    help="Where the store's API is.",
)
@click.version_option(package_name="tams-server", prog_name="tams")
@click.pass_context
def tams(context: click.Context, url: str) -> None:
    """Work with a time-addressable media store."""
    context.obj = url


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process."""
    try:
        sys.exit(_ran(arguments))
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does; keep Python from writing the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.FAILED)


def _ran(arguments: Sequence[str] | None) -> Any:
    try:
        code = tams.main(arguments, prog_name="tams", standalone_mode=False)
        sys.stdout.flush()
    except exits.Failed as error:
        click.echo(f"tams: {error.message}", err=True)
        return error.code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"tams: {_one_line(error)}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("tams: interrupted", err=True)
        return exits.INTERRUPTED
    return code or exits.OK


def _one_line(error: click.ClickException) -> str:
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "tams"
    return f"{' '.join(error.format_message().split())} (see {path} --help)"
