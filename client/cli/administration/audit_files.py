"""Writes entries of the audit log to files: CSV, and Parquet where pyarrow is installed."""

import csv
import importlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any, Final

import click

from client.api.audit import AuditEntry
from client.cli import exits
from client.cli.terminal.listing import first_of

COLUMNS: Final = (
    "number", "time", "principal", "action", "resource", "request_id", "before", "after", "outcome", "facts",
)  # fmt: skip
# Rows of one group in a Parquet file.
_GROUP: Final = 10_000
# A spreadsheet takes a text that begins with one of these for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def write_csv(path: str, entries: AsyncIterator[AuditEntry], limit: int | None) -> int:
    """Write a CSV file with a header; returns the number of entries. Failed if it cannot be written.

    Texts that a spreadsheet would take for formulas begin with an apostrophe.
    """
    count = 0
    try:
        with _csv_file(path) as writer:
            async for entry in first_of(entries, limit):
                writer.writerow({name: _harmless(value) for name, value in _row(entry).items()})
                count += 1
    except OSError as error:
        raise _cannot_write(path, error) from None
    return count


async def write_parquet(path: str, entries: AsyncIterator[AuditEntry], limit: int | None) -> int:
    """Write a Parquet file; returns the number of entries.

    Failed without pyarrow, or if the file cannot be written. Times are texts as in the CSV file.
    """
    pa, parquet = _pyarrow()
    schema = pa.schema([(name, pa.int64() if name == "number" else pa.string()) for name in COLUMNS])
    count = 0
    rows: list[dict[str, object]] = []
    try:
        with parquet.ParquetWriter(path, schema) as writer:
            async for entry in first_of(entries, limit):
                rows.append(_row(entry))
                count += 1
                if len(rows) == _GROUP:
                    writer.write_table(pa.Table.from_pylist(rows, schema))
                    rows.clear()
            writer.write_table(pa.Table.from_pylist(rows, schema))
    except OSError as error:
        raise _cannot_write(path, error) from None
    return count


@contextmanager
def _csv_file(path: str) -> Iterator["csv.DictWriter[str]"]:
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        yield writer


# pyarrow is an optional dependency without types.
def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise exits.Failed("Parquet needs pyarrow, which is not installed; --csv needs nothing") from None


def _row(entry: AuditEntry) -> dict[str, object]:
    values = {name: getattr(entry, name) for name in COLUMNS}
    values["time"] = entry.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    values["facts"] = json.dumps(entry.facts, separators=(",", ":"))
    return values


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _cannot_write(path: str, error: OSError) -> click.ClickException:
    return exits.Failed(f"cannot write {path}: {error.strerror or error}")
