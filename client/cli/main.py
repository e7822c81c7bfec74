"""The command `tams`: its subcommands, and the exit codes of its errors."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from client.cli import exits
from client.cli.access import Access, access_options

# Name, module below client.cli, one line of help. The function has the name of its module.
COMMANDS: Final = {
    "up": ("up", "Run a whole store on this machine."),
    "login": ("credentials.login", "Log in to a store, and remember it as a profile."),
    "logout": ("credentials.logout", "Log out of a store."),
    "profile": ("credentials.profile", "List, choose and remove profiles of stores."),
    "token": ("credentials.token", "Print a token for a store of `tams up --auth`."),
    "service": ("content.service", "Show the store's description of itself."),
    "sources": ("content.sources", "List sources."),
    "flows": ("content.flows", "List flows."),
    "flow": ("content.flow", "Show a flow."),
    "segments": ("content.segments", "List the segments of a flow."),
    "object": ("content.media_object", "Show a media object."),
    "stats": ("content.stats", "Show storage usage, or the coverage of a flow."),
    "delete": ("content.delete", "Delete a flow and its segments."),
    "trash": ("content.trash", "Show and purge what was deleted softly."),
    "restore": ("content.restore", "Restore what was deleted softly."),
    "sample": ("media.sample", "Make a test clip."),
    "ingest": ("media.ingest", "Store media files, cut into segments."),
    "upload": ("media.upload", "Store files as they are."),
    "tables": ("administration.tables", "Show and change the tables; load rows in bulk."),
    "reconcile": ("administration.reconcile", "Compare objects with the bytes in the buckets."),
    "gc": ("administration.gc", "Delete the bytes of unused objects, or list them."),
    "replicate": ("administration.replicate", "Copy or move objects to a storage backend."),
    "audit": ("administration.audit", "Show who did what in a store."),
    "user": ("accounts.user", "Add, suspend and remove users of a store."),
    "key": ("accounts.key", "Add, rotate, suspend and remove API keys."),
    "top": ("monitoring.top", "Show what a store does now."),
    "support": ("monitoring.support", "Write a bundle for a bug report."),
    "backup": ("administration.backup", "Back up the tables of a store, and restore them."),
    "sample-data": ("administration.sample_data", "Fill a store with generated timelines."),
    "doctor": ("administration.doctor", "Check a store for problems."),
    "export": ("media.export", "Write a time range of a flow to a file."),
    "play": ("media.play", "Print the address of a flow for players, or play it."),
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
        name = module.rpartition(".")[2]
        command: click.Command = getattr(importlib.import_module(f"client.cli.{module}"), name)
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
@access_options
@click.option("--trace", is_flag=True, help="Let the store record a trace of the command, and print its id.")
@click.version_option(package_name="tams-server", prog_name="tams")
@click.pass_context
def tams(context: click.Context, /, *, trace: bool, **access: str | None) -> None:
    """Work with a time-addressable media store.

    The store is that of --url or --profile, or of the current profile, or the one on this machine.
    """
    context.obj = Access(**access, trace=trace)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process."""
    try:
        sys.exit(_run(arguments))
    except BrokenPipeError:
        # The reader of the output has closed it, as `head` does; keep Python from writing more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.FAILED)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code: int | None = tams.main(arguments, prog_name="tams", standalone_mode=False)
        sys.stdout.flush()
    except exits.Failed as error:
        click.echo(f"tams: {error.message}", err=True)
        return error.code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"tams: {_one_line(error, sys.argv[1:] if arguments is None else arguments)}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("tams: interrupted", err=True)
        return exits.INTERRUPTED
    return code or exits.OK


def _one_line(error: click.ClickException, arguments: Sequence[str]) -> str:
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
    # The error about an option without its value does not name the command.
    path = path or " ".join(["tams", *[word for word in arguments if word in COMMANDS][:1]])
    return f"{' '.join(error.format_message().split())} (see {path} --help)"
