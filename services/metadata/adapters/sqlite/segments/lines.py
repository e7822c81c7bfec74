"""Pages of segments as text that SQLite concatenates: fetching a row for each takes twice as long."""

import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from services.metadata.adapters.sqlite.segments.queries import FLOW_ROW, page_clause, page_parameters
from services.metadata.application.ports import SegmentQuery
from services.metadata.domain.objects.copies import CopyPlace
from services.metadata.domain.segments.lines import CopyLines, SegmentLines
from services.shared.timerange import TimeRange
from services.shared.url_paths import is_plain

_EDGE: Final = "SELECT start_ns, end_ns, end_inclusive, storage"
_EDGE_AT: Final = f"{_EDGE} FROM segments WHERE flow = {FLOW_ROW} AND start_ns = :start"
# Each aggregate costs time for each row. So the number of rows is counted in the text, not by a fifth one.
_CONCATENATE: Final = """
    SELECT {last}(start_ns),
        sum((storage IS NOT :storage OR external_urls IS NOT NULL) + {copied} * (copies IS NOT NULL)),
        CAST(group_concat(doc, char(10)) || char(10) AS BLOB),
        CAST(group_concat(storage_path, char(10)) || char(10) AS BLOB)
    FROM (SELECT start_ns, doc, storage, storage_path, external_urls, copies {page})
"""
# What a segment with copies adds to the sum; the other term counts less than one page.
_COPIED: Final = 1 << 16
_COPIES: Final = "SELECT group_concat(coalesce(copies, 'null')) FROM (SELECT copies {page})"
_copies: Final = msgspec.json.Decoder(list[list[CopyPlace] | None])

Execute = Callable[..., sqlite3.Cursor]


class _Edge(NamedTuple):
    """The first or last segment of a page. Times are in nanoseconds, `storage` is storages.row."""

    start: int
    end: int
    inclusive: int
    storage: int | None


def uniform_page(execute: Execute, query: SegmentQuery, size: int) -> SegmentLines | None:
    """A page of up to `size` segments, if they are uniform, as on most pages; else None.

    Uniform segments are on one storage backend, at paths that URLs need not encode, without external URLs.
    """
    row = execute(f"{_EDGE} {page_clause(query)}", page_parameters(query, 1)).fetchone()
    if row is None:
        return SegmentLines()
    first = _Edge(*row)
    if first.storage is None:
        return None
    sql = _CONCATENATE.format(page=page_clause(query), last="min" if query.reverse else "max", copied=_COPIED)
    page = execute(sql, {**page_parameters(query, size), "storage": first.storage})
    last_start, different, documents, paths = page.fetchone()
    count = documents.count(b"\n")
    if different % _COPIED or not is_plain(paths, count):
        return None
    last = _Edge(*execute(_EDGE_AT, {"flow": query.flow_id, "start": last_start}).fetchone())
    has_more = count == size and _has_rows(execute, query._replace(after=last_start))
    return SegmentLines(
        span=_span(*((last, first) if query.reverse else (first, last))),
        documents=documents,
        storage_ids=execute("SELECT id FROM storages WHERE row = ?", (first.storage,)).fetchone(),
        url_paths=paths,
        after=last_start if has_more else None,
        copies=_copies_of(execute, query, size) if different else (),
    )


def _copies_of(execute: Execute, query: SegmentQuery, size: int) -> tuple[CopyLines, ...]:
    """The copies of a page. A text that is damaged counts as no copies of the whole page."""
    (texts,) = execute(_COPIES.format(page=page_clause(query)), page_parameters(query, size)).fetchone()
    try:
        places = _copies.decode(f"[{texts}]")
    except msgspec.DecodeError:
        return ()
    return CopyLines.of([of_segment or () for of_segment in places])


def _has_rows(execute: Execute, query: SegmentQuery) -> bool:
    return execute(f"SELECT 1 {page_clause(query)}", page_parameters(query, 1)).fetchone() is not None


def _span(first: _Edge, last: _Edge) -> TimeRange:
    return TimeRange(first.start, last.end, bool(last.inclusive))
