"""Reads the answers of the API."""

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
    """The document in the answer."""
    return codec.decode(answer.content, Document)


def documents(page: httpx.Response) -> list[Document]:
    """The documents on a page."""
    return codec.decode(page.content, list[Document])


def allocations(answer: httpx.Response) -> list[Allocation]:
    """The objects of a flow-storage document."""
    return codec.decode(answer.content, _Storage).media_objects


def failures(answer: httpx.Response) -> list[FailedSegment]:
    """The refused segments; empty if all were created (201).

    TAMS 7.0 wraps the list in an object; some stores answer with the list alone.
    """
    if answer.status_code == HTTPStatus.CREATED:
        return []
    if answer.content.lstrip().startswith(b"["):
        return codec.decode(answer.content, list[FailedSegment])
    return codec.decode(answer.content, _Failures).failed_segments


def deletion(answer: httpx.Response) -> DeletionRequest | None:
    """The request of a deletion that is still running (202); None if it is done (204)."""
    if answer.status_code != HTTPStatus.ACCEPTED:
        return None
    return codec.decode(answer.content, DeletionRequest)


def joined(pages: Sequence[httpx.Response]) -> MediaObject:
    """One object from all pages of its list of flows."""
    parts = [codec.decode(page.content, MediaObject) for page in pages]
    flows = [flow for part in parts for flow in part.referenced_by_flows]
    return msgspec.structs.replace(parts[0], referenced_by_flows=flows)
