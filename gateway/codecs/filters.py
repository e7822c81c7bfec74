"""Query parameters that several lists have. Readers raise InvalidArgument BAD_QUERY for a bad value."""

from collections.abc import Sequence
from typing import Final

from tams.metadata.v1 import text_digest_pb2
from tams.type.v1 import timerange_pb2

from gateway.http.long_filters import LongList
from gateway.http.query import Query
from services.segment_documents.url_filter import UrlFilter
from services.shared.errors import InvalidArgument
from services.shared.ids import is_uuid
from services.shared.rpc.timeranges import to_message

FORMATS: Final = (
    "urn:x-nmos:format:video",
    "urn:x-tam:format:image",
    "urn:x-nmos:format:audio",
    "urn:x-nmos:format:data",
    "urn:x-nmos:format:multi",
)


def media_format(query: Query) -> str | None:
    """The `format` parameter: one of the five URNs."""
    return query.choice("format", FORMATS)


def codec(query: Query) -> str | None:
    """The `codec` parameter: a MIME type such as video/h264."""
    value = query.text("codec")
    if value is not None and "/" not in value:
        raise InvalidArgument("query parameter 'codec' must be a MIME type", reason="BAD_QUERY")
    return value


def timerange(query: Query) -> timerange_pb2.TimeRange | None:
    """The `timerange` parameter."""
    value = query.timerange()
    return None if value is None else to_message(value)


def label_digest(query: Query) -> text_digest_pb2.TextDigest | None:
    """The digest of the `label` parameter, if a link has only that."""
    text = query.long.texts.get("label")
    return None if text is None else text_digest_pb2.TextDigest(begin=text.begin, sha256=text.sha256)


def tag_digests(query: Query) -> dict[str, text_digest_pb2.TextDigest]:
    """The digests of the `tag.{name}` parameters of which a link has only that, by name of the tag."""
    return {
        name.removeprefix("tag."): text_digest_pb2.TextDigest(begin=text.begin, sha256=text.sha256)
        for name, text in query.long.texts.items()
        if name.startswith("tag.")
    }


def _items(query: Query, name: str, items: Sequence[str] | None) -> frozenset[str] | LongList | None:
    digests = query.long.lists.get(name)
    if digests is not None:
        return LongList(digests)
    return None if items is None else frozenset(items)


def url_filter(query: Query) -> UrlFilter:
    """The filter of URLs: accept_get_urls, accept_storage_ids, presigned and verbose_storage."""
    labels = query.words("accept_get_urls")
    storage_ids = query.words("accept_storage_ids")
    if not all(map(is_uuid, storage_ids or ())):
        raise InvalidArgument(
            "query parameter 'accept_storage_ids' must hold lower-case UUIDs of version 1 to 5",
            reason="BAD_QUERY",
        )
    return UrlFilter(
        labels=_items(query, "accept_get_urls", labels),
        storage_ids=_items(query, "accept_storage_ids", storage_ids) or None,
        presigned=query.flag("presigned"),
        verbose=query.flag("verbose_storage") or False,
    )
