"""Pages of segments in the form in which the metadata service sends them."""

from collections.abc import Sequence
from typing import NamedTuple

from tams.metadata.v1.segment_pb2 import CopyLines, ExternalUrl, IndexedUrls, SegmentLines

from services.shared.url_paths import url_lines


class Listed(NamedTuple):
    """A segment of a page."""

    document: bytes
    storage_id: str = ""
    path: str = ""
    external_urls: Sequence[ExternalUrl] = ()
    # The backends and paths of its copies.
    copies: Sequence[tuple[str, str]] = ()


def segment_lines(segments: Sequence[Listed]) -> SegmentLines:
    storage_ids = [segment.storage_id for segment in segments]
    return SegmentLines(
        documents=b"".join([segment.document + b"\n" for segment in segments]),
        storage_ids=storage_ids[:1] if len(set(storage_ids)) == 1 else storage_ids,
        url_paths=url_lines([segment.path for segment in segments]),
        external_urls=[
            IndexedUrls(index=at, urls=segment.external_urls)
            for at, segment in enumerate(segments)
            if segment.external_urls
        ],
        copies=_copy_lines(segments),
    )


def _copy_lines(segments: Sequence[Listed]) -> list[CopyLines]:
    lines = []
    for storage_id in dict.fromkeys(copy for segment in segments for copy, _ in segment.copies):
        paths = {
            at: dict(segment.copies)[storage_id]
            for at, segment in enumerate(segments)
            if storage_id in dict(segment.copies)
        }
        indexes = () if len(paths) == len(segments) else tuple(paths)
        lines.append(
            CopyLines(storage_id=storage_id, indexes=indexes, url_paths=url_lines(list(paths.values())))
        )
    return lines


def listed(lines: SegmentLines) -> list[Listed]:
    """The segments of a page."""
    documents = lines.documents.splitlines()
    storage_ids = list(lines.storage_ids)
    if len(storage_ids) == 1:
        storage_ids *= len(documents)
    urls = {indexed.index: indexed.urls for indexed in lines.external_urls}
    return [
        Listed(document, storage_id, path.decode(), list(urls.get(at, ())))
        for at, (document, storage_id, path) in enumerate(
            zip(documents, storage_ids, lines.url_paths.splitlines(), strict=True)
        )
    ]
