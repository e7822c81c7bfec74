"""Query parameters of sources to protobuf. Source documents pass through as JSON."""

from tams.metadata.v1 import source_service_pb2

from gateway.codecs import filters
from gateway.http.query import Query


def list_request(query: Query) -> source_service_pb2.ListSourcesRequest:
    """The request of GET /sources: filters and page."""
    return source_service_pb2.ListSourcesRequest(
        label=query.text("label"),
        format=filters.media_format(query),
        tags=query.named("tag."),
        tag_exists=query.named_flags("tag_exists."),
        label_digest=filters.label_digest(query),
        tag_digests=filters.tag_digests(query),
        page_size=query.limit(),
        page_token=query.page(),
    )
