"""Segments as they go out in long pages: as text."""

from typing import NamedTuple

from services.metadata.domain.stored_segments import StoredSegments
from services.shared.signed_urls import url_lines
from services.shared.timerange import NEVER, TimeRange


class SegmentLines(NamedTuple):
    """Segments in one order of time. Each has a line in every text, ended by a line feed."""

    # Smallest range that spans them.
    span: TimeRange = NEVER
    documents: bytes = b""
    # The storage backend of each, or once for all when it is the same.
    storage_ids: tuple[str | None, ...] = ()
    # Where each object is kept, as URLs have it; an empty line when it lives outside this store.
    url_paths: bytes = b""
    # The external URLs of those that have any, and where they stand.
    external_urls: tuple[tuple[int, bytes], ...] = ()
    # Start of the last one, if more follow.
    after: int | None = None

    @classmethod
    def of(cls, segments: StoredSegments, *, more: bool) -> "SegmentLines":
        """The same segments."""
        if not segments:
            return cls()
        columns = segments.columns
        storage_ids = tuple(columns.storage_id)
        return cls(
            segments.span,
            b"".join([b"%b\n" % one for one in columns.document]),
            storage_ids[:1] if len(set(storage_ids)) == 1 else storage_ids,
            url_lines([one or "" for one in columns.storage_path]),
            tuple((index, urls) for index, urls in enumerate(columns.external_urls) if urls),
            columns.start_ns[-1] if more else None,
        )
