"""Query parameters of sources -> protobuf. Source documents travel as they are."""

from tams.metadata.v1.source_service_pb2 import ListSourcesRequest

from gateway.codecs import filters
from gateway.http.query import Query


def list_request(query: Query) -> ListSourcesRequest:
    """Filters and page of GET /sources."""
    return ListSourcesRequest(
        label=query.text("label"),
        format=filters.media_format(query),
        tags=query.named("tag."),
        tag_exists=query.named_flags("tag_exists."),
        page_size=query.limit(),
        page_token=query.page(),
    )
