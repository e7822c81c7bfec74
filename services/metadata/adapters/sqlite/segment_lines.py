"""Pages of segments as text, gathered inside SQLite: a row for each takes twice as long to get out."""

import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

from services.metadata.adapters.sqlite.segment_queries import FLOW_ROW, of_page, page_parameters
from services.metadata.application.ports import SegmentQuery
from services.metadata.domain.segment_lines import SegmentLines
from services.shared.signed_urls import plain
from services.shared.timerange import TimeRange

_ENDS: Final = "SELECT start_ns, end_ns, end_inclusive, storage"
_AT: Final = f"{_ENDS} FROM segments WHERE flow = {FLOW_ROW} AND start_ns = :start"
# Every aggregate costs something for each row: what two can tell is not asked of a third.
_GATHER: Final = """
    SELECT {last}(start_ns), sum(storage IS NOT :storage OR external_urls IS NOT NULL),
        CAST(group_concat(doc, char(10)) || char(10) AS BLOB),
        CAST(group_concat(storage_path, char(10)) || char(10) AS BLOB)
    FROM (SELECT start_ns, doc, storage, storage_path, external_urls {page})
"""

Execute = Callable[..., sqlite3.Cursor]


class _End(NamedTuple):
    """The first or last segment of a page."""

    start: int
    end: int
    inclusive: int
    storage: int | None


def gather(execute: Execute, query: SegmentQuery, size: int) -> SegmentLines | None:
    """A page of up to `size` segments; None unless they are as alike as those of most pages.

    They are when all are on one storage backend, at paths that need no encoding, and have no other URLs.
    """
    row = execute(f"{_ENDS} {of_page(query)}", page_parameters(query, 1)).fetchone()
    if row is None:
        return SegmentLines()
    first = _End(*row)
    if first.storage is None:
        return None
    sql = _GATHER.format(page=of_page(query), last="min" if query.reverse else "max")
    found = execute(sql, {**page_parameters(query, size), "storage": first.storage})
    start, others, documents, paths = found.fetchone()
    count = documents.count(b"\n")
    if others or not plain(paths, count):
        return None
    last = _End(*execute(_AT, {"flow": query.flow_id, "start": start}).fetchone())
    more = count == size and _follow(execute, query._replace(after=start))
    return SegmentLines(
        span=_span(*((last, first) if query.reverse else (first, last))),
        documents=documents,
        storage_ids=execute("SELECT id FROM storages WHERE row = ?", (first.storage,)).fetchone(),
        url_paths=paths,
        after=start if more else None,
    )


def _follow(execute: Execute, query: SegmentQuery) -> bool:
    return execute(f"SELECT 1 {of_page(query)}", page_parameters(query, 1)).fetchone() is not None


def _span(first: _End, last: _End) -> TimeRange:
    return TimeRange(first.start, last.end, bool(last.inclusive))
