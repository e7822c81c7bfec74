"""Pages of segments in the form in which the metadata service sends them."""

from collections.abc import Sequence
from typing import NamedTuple

from tams.metadata.v1.segment_pb2 import ExternalUrl, IndexedUrls, SegmentLines

from services.shared.url_paths import url_lines


class Listed(NamedTuple):
    """A segment of a page."""

    document: bytes
    storage_id: str = ""
    path: str = ""
    external_urls: Sequence[ExternalUrl] = ()


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
    )


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
