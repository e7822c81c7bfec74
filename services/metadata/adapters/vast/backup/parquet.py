"""The rows of a table in Parquet files, written and read a part at a time.

The files of a table are `NAME.1.parquet`, `NAME.2.parquet` and so on. A part is a row group of a file.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import parquet

from services.metadata.adapters.backup.errors import BackupFailed

# A part has about this many bytes and rows. It is what a restore commits at once.
_PART_BYTES: Final = 16 * 1024 * 1024
_PART_ROWS: Final = 128 * 1024
# The rows of a file, which may have a part more.
_FILE_ROWS: Final = 10_000_000


class TableFiles:
    """The files of a table, while they are written. `rows` is the number of rows so far."""

    def __init__(self, folder: Path, table: str, columns: pa.Schema) -> None:
        self.rows = 0
        self._folder = folder
        self._table = table
        self._columns = columns
        self._files = self._rows_in_file = 0
        self._writer = self._next()

    def write(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Write rows."""
        for part in _parts(batches, self._columns):
            if self._rows_in_file >= _FILE_ROWS:
                self._writer.close()
                self._writer = self._next()
            self._writer.write_table(part, row_group_size=part.num_rows)
            self._rows_in_file += part.num_rows
            self.rows += part.num_rows

    def close(self) -> None:
        """Complete the last file."""
        self._writer.close()

    def _next(self) -> parquet.ParquetWriter:
        self._files += 1
        self._rows_in_file = 0
        path = self._folder / f"{self._table}.{self._files}.parquet"
        path.touch(0o600)
        # Statistics would repeat whole documents, and nobody filters a backup.
        return parquet.ParquetWriter(path, self._columns, compression="zstd", write_statistics=False)


def table_of(name: str) -> str:
    """The table of a file, by its name."""
    return name.partition(".")[0]


def columns_of(path: Path) -> pa.Schema:
    """The columns in a file."""
    with _opened(path) as file:
        return file.schema_arrow.remove_metadata()


def rows_of(path: Path) -> int:
    """The number of rows in a file."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def count_parts(path: Path) -> int:
    """The number of parts of a file."""
    with _opened(path) as file:
        return int(file.num_row_groups)


def read_part(path: Path, number: int) -> pa.Table:
    """A part of a file. Parts are numbered from 0."""
    with _opened(path) as file:
        return file.read_row_group(number, use_threads=False)


@contextmanager
def _opened(path: Path) -> Iterator[parquet.ParquetFile]:
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise BackupFailed(f"cannot read {path}: {error}") from None


def _parts(batches: Iterable[pa.RecordBatch], columns: pa.Schema) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    size = rows = 0
    for batch in batches:
        waiting.append(batch)
        size, rows = size + batch.nbytes, rows + batch.num_rows
        if size >= _PART_BYTES or rows >= _PART_ROWS:
            yield pa.Table.from_batches(waiting, columns)
            waiting, size, rows = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting, columns)
