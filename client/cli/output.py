"""What commands write: tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from client.api import builtins

# Characters of a line that nobody reads on a terminal.
_WIDEST: Final = 1000

as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")


def write_json(value: object) -> None:
    """Write one value."""
    click.echo(msgspec.json.format(msgspec.json.encode(builtins(value)), indent=2).decode())


class JsonList:
    """Writes a list value by value, so that it may be long."""

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
    """Standard output or error, where texts of the store are shown as they are."""
    return Console(stderr=err, markup=False, highlight=False, emoji=False)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, whole: int = 1) -> None:
    """Write a table whose first `whole` columns are never broken or cut; the others wrap."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index < whole, overflow="fold")
    for row in rows:
        table.add_row(*(shown(value) for value in row))
    _write(table)


def write_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """Write names and values in two columns, without those that have no value."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in fields:
        if value not in (None, "", [], {}):
            table.add_row(name, shown(value))
    _write(table)


def _write(table: Table) -> None:
    """Write it as wide as the terminal, or for a file or a pipe as wide as it is, without padding."""
    out = console()
    if not out.is_terminal:
        out.width = max(out.width, _WIDEST)
    with out.capture() as captured:
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def shown(value: Any) -> str:
    """The value in one cell: no control characters, and maps and lists one entry a line."""
    if isinstance(value, dict):
        return "\n".join(f"{printable(name)}: {_inline(entry)}" for name, entry in value.items())
    if isinstance(value, (list, tuple)):
        return "\n".join(_inline(entry) for entry in value)
    return "" if value is None else printable(str(value))


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor or change its colours."""
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


def _inline(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"numerator", "denominator"}:
        return str(Fraction(value["numerator"], value["denominator"]))
    if isinstance(value, dict):
        return ", ".join(f"{printable(name)} {_inline(entry)}" for name, entry in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))
