"""The output of commands: tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from client.api import builtins

# The width in characters of a table in a file or a pipe.
_FILE_WIDTH: Final = 1000

as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")


def write_json(value: object) -> None:
    """Write one value."""
    click.echo(msgspec.json.format(msgspec.json.encode(builtins(value)), indent=2).decode())


class JsonList:
    """Writes a list value by value, so its length has no limit."""

    def __init__(self) -> None:
        self._opening = "["

    def add(self, value: object) -> None:
        """Write the next value."""
        sys.stdout.write(f"{self._opening}\n{msgspec.json.encode(builtins(value)).decode()}")
        self._opening = ","

    def close(self) -> None:
        """Write the end."""
        sys.stdout.write("[]\n" if self._opening == "[" else "\n]\n")


def console(*, err: bool = False) -> Console:
    """Standard output or error, which shows texts of the store without interpreting markup."""
    return Console(stderr=err, markup=False, highlight=False, emoji=False)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, whole: int = 1) -> None:
    """Write a table; the first `whole` columns are never broken or cut, the others wrap."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index < whole, overflow="fold")
    for row in rows:
        table.add_row(*(shown(value) for value in row))
    _write(table)


def write_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Write names and values in two columns; empty values are left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in fields:
        if value not in (None, "", [], {}):
            table.add_row(name, shown(value))
    _write(table)


def _write(table: Table) -> None:
    """Write the table as wide as the terminal; into a file or a pipe as wide as its content."""
    out = console()
    if not out.is_terminal:
        out.width = max(out.width, _FILE_WIDTH)
    with out.capture() as captured:
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def shown(value: object) -> str:
    """The value as the text of a cell: no control characters; maps and lists have one entry on each line."""
    if isinstance(value, dict):
        return "\n".join(f"{printable(name)}: {_inline(entry)}" for name, entry in value.items())
    if isinstance(value, (list, tuple)):
        return "\n".join(_inline(entry) for entry in value)
    return "" if value is None else printable(str(value))


def printable(text: str) -> str:
    """The text without characters that move a terminal's cursor or change its colours."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def short_format(urn: str) -> str:
    """The last word of a format's URN: video, audio, …"""
    return urn.rpartition(":")[2]


def seconds(nanoseconds: int) -> str:
    """A duration to the millisecond, as 12.345 s."""
    sign, milliseconds = "-" if nanoseconds < 0 else "", abs(nanoseconds) // 1_000_000
    return f"{sign}{milliseconds // 1000}.{milliseconds % 1000:03} s"


def size(count: int) -> str:
    """A number of bytes with its unit, as 12.3 MB."""
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    scale = min((len(str(count)) - 1) // 3, len(units) - 1)
    if not scale:
        return f"{count} B"
    tenths = count * 10 // 1000**scale
    return f"{tenths // 10}.{tenths % 10} {units[scale]}"


def _inline(value: object) -> str:
    if isinstance(value, dict) and set(value) == {"numerator", "denominator"}:
        return str(Fraction(value["numerator"], value["denominator"]))
    if isinstance(value, dict):
        return ", ".join(f"{printable(name)} {_inline(entry)}" for name, entry in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))
