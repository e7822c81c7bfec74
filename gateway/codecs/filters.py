"""Query parameters that lists share."""

from typing import Final

from tams.type.v1.timerange_pb2 import TimeRange

from gateway.http.query import Query
from services.shared.errors import InvalidArgument
from services.shared.get_urls import UrlFilter
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
    """The `codec` parameter: a MIME type."""
    value = query.text("codec")
    if value is not None and "/" not in value:
        raise InvalidArgument("query parameter 'codec' must be a MIME type", reason="BAD_QUERY")
    return value


def timerange(query: Query) -> TimeRange | None:
    """The `timerange` parameter."""
    value = query.timerange()
    return None if value is None else to_message(value)


def url_filter(query: Query) -> UrlFilter:
    """accept_get_urls, accept_storage_ids, presigned and verbose_storage."""
    labels = query.words("accept_get_urls")
    storage_ids = query.words("accept_storage_ids")
    if not all(map(is_uuid, storage_ids or ())):
        raise InvalidArgument(
            "query parameter 'accept_storage_ids' must hold lower-case UUIDs of version 1 to 5",
            reason="BAD_QUERY",
        )
    return UrlFilter(
        labels=None if labels is None else frozenset(labels),
        storage_ids=frozenset(storage_ids) if storage_ids else None,
        presigned=query.flag("presigned"),
        verbose=query.flag("verbose_storage") or False,
    )
