"""`tams sample`."""

from fractions import Fraction
from pathlib import Path

import click

from client.cli import exits
from client.cli.terminal.progress import bar
from client.essence.errors import EssenceError
from client.essence.sample_clip.clip import Clip, write_clip

_LONGEST_SECONDS = 24 * 3600


class Seconds(click.ParamType[Fraction]):
    """A number of seconds above zero, exact, such as 20 or 2.5."""

    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Parse the text."""
        try:
            seconds = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            seconds = Fraction(0)
        if not 0 < seconds <= _LONGEST_SECONDS:
            self.fail(f"{value!r} is not a number of seconds up to {_LONGEST_SECONDS}", param, ctx)
        return seconds


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seconds", type=Seconds(), default="20", show_default=True, help="Length of the clip.")
@click.option(
    "--size",
    type=(click.IntRange(16, 7680), click.IntRange(16, 4320)),
    default=(1280, 720),
    show_default=True,
    metavar="WIDTH HEIGHT",
    help="Size of the picture.",
)
def sample(out: Path, seconds: Fraction, size: tuple[int, int]) -> None:
    """Write a test clip, such as clip.mp4.

    It has a moving picture (H.264) and a tone (AAC). An existing file is replaced.
    """
    width, height = size
    try:
        with bar(out.name) as report:
            clip = Clip(seconds=seconds, width=width, height=height)
            write_clip(out, clip, lambda done, total: report("", done, total))
    except EssenceError as error:
        raise exits.Failed(str(error)) from error
    except KeyboardInterrupt:
        out.unlink(missing_ok=True)
        raise
    click.echo(f"wrote {out}", err=True)
