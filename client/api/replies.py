"""What the answers of the API hold."""

from collections.abc import Sequence
from http import HTTPStatus

import httpx
import msgspec

from client.api import codec
from client.api.models import Allocation, DeletionRequest, Document, FailedSegment, MediaObject


class _Storage(msgspec.Struct):
    media_objects: list[Allocation]


class _Failures(msgspec.Struct):
    failed_segments: list[FailedSegment]


def document(answer: httpx.Response) -> Document:
    """The one document in the answer."""
    return codec.decode(answer.content, Document)


def documents(page: httpx.Response) -> list[Document]:
    """The documents on a page."""
    return codec.decode(page.content, list[Document])


def allocations(answer: httpx.Response) -> list[Allocation]:
    """The objects of a flow-storage document."""
    return codec.decode(answer.content, _Storage).media_objects


def failures(answer: httpx.Response) -> list[FailedSegment]:
    """The segments refused; none when all were created (201).

    TAMS 7.0 wraps them in an object, while some stores answer with the bare list.
    """
    if answer.status_code == HTTPStatus.CREATED:
        return []
    if answer.content.lstrip().startswith(b"["):
        return codec.decode(answer.content, list[FailedSegment])
    return codec.decode(answer.content, _Failures).failed_segments


def deletion(answer: httpx.Response) -> DeletionRequest | None:
    """The request that tells how a deletion goes on (202); None when it is done (204)."""
    if answer.status_code != HTTPStatus.ACCEPTED:
        return None
    return codec.decode(answer.content, DeletionRequest)


def joined(pages: Sequence[httpx.Response]) -> MediaObject:
    """The object whose list of flows is spread over pages."""
    parts = [codec.decode(page.content, MediaObject) for page in pages]
    flows = [flow for part in parts for flow in part.referenced_by_flows]
    return msgspec.structs.replace(parts[0], referenced_by_flows=flows)
