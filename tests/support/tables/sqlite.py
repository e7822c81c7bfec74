"""Rows for readers of the SQLite tables, written without the service that owns them."""

import multiprocessing
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from services.metadata.adapters.sqlite.file.connection import schema_text

Segment = tuple[int, int]


class PlacedRow(NamedTuple):
    """A registered object, with the number of its storage."""

    id: str
    storage: int
    storage_path: str
    size: int | None = None
    etag: str | None = None
    urls: int = 0
    last_ms: int = 0


class TableWriter:
    """Writes rows; each method is one transaction. Missing tables are created."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(schema_text())

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def clear(self) -> None:
        """Remove every row."""
        with self._db:
            for table in ("flows", "flow_stats", "segments", "objects", "object_copies", "storages"):
                self._db.execute(f"DELETE FROM {table}")

    def flow(self, flow_id: str, segments: Sequence[Segment] = (), *, end_inclusive: bool = False) -> None:
        """Add a flow with these segments, each with its start and exclusive end."""
        with self._db:
            row = self._db.execute(
                "INSERT INTO flows (id, source_id, format, doc) VALUES (?, 'source', 'video', x'7b7d')",
                (flow_id,),
            ).lastrowid
            self._db.execute(
                "INSERT INTO flow_stats (flow, segments, end_inclusive) VALUES (?, 0, ?)",
                (row, end_inclusive),
            )
        self.segments(flow_id, segments)

    def segments(self, flow_id: str, segments: Sequence[Segment]) -> None:
        """Add segments of a flow, and change its extent."""
        with self._db:
            ((flow,),) = self._db.execute("SELECT row FROM flows WHERE id = ?", (flow_id,)).fetchall()
            self._db.executemany(
                "INSERT INTO segments (flow, start_ns, end_ns, end_inclusive, object_id, doc)"
                " VALUES (?, ?, ?, 0, 'object', x'7b7d')",
                ((flow, start, end) for start, end in segments),
            )
            self._db.execute(
                "UPDATE flow_stats SET (segments, start_ns, end_ns) = (SELECT count(*), min(start_ns),"
                " max(end_ns) FROM segments WHERE flow = ?1) WHERE flow = ?1",
                (flow,),
            )

    def storage(self, row: int, storage_id: str) -> None:
        """Add a storage backend."""
        with self._db:
            self._db.execute("INSERT INTO storages (row, id) VALUES (?, ?)", (row, storage_id))

    def objects(self, objects: Sequence[tuple[str, int | None, int | None, str]]) -> None:
        """Add objects, each with its id, storage row, size and state."""
        with self._db:
            self._db.executemany(
                "INSERT INTO objects (id, storage, size, state, created_ms, changed_ms)"
                " VALUES (?, ?, ?, ?, 0, 0)",
                objects,
            )

    def placed(self, objects: Sequence[PlacedRow]) -> None:
        """Add registered objects with their ETags and accesses."""
        with self._db:
            self._db.executemany(
                "INSERT INTO objects (id, storage, storage_path, size, etag, state, created_ms, changed_ms)"
                " VALUES (?, ?, ?, ?, ?, 'registered', 0, 0)",
                (row[:5] for row in objects),
            )
            self._db.executemany(
                "INSERT INTO object_accesses VALUES (?, ?, ?)",
                ((row.id, row.urls, row.last_ms) for row in objects if row.urls),
            )

    def copies(self, copies: Sequence[tuple[str, int, str]]) -> None:
        """Add copies, each with the id of its object, its storage row and its state."""
        with self._db:
            self._db.executemany(
                "INSERT INTO object_copies (object_id, storage, storage_path, state, created_ms, changed_ms)"
                " VALUES (?, ?, 'copy', ?, 0, 0)",
                copies,
            )


class WriterProcess(BaseManager):
    """A process whose `open(path)` gives a TableWriter."""

    if TYPE_CHECKING:

        def open(self, path: Path) -> TableWriter: ...


WriterProcess.register("open", TableWriter)


@contextmanager
def writer_process() -> Iterator[WriterProcess]:
    """A running WriterProcess.

    It is another process because analytics brings its own copy of SQLite, and two copies of SQLite must not
    open the same file in one process.
    """
    with WriterProcess(ctx=multiprocessing.get_context("spawn")) as process:
        yield process
