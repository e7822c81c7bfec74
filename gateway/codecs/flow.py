"""Query parameters of flows -> protobuf. Flow documents travel as they are."""

from tams.metadata.v1.flow_service_pb2 import GetFlowRequest, ListFlowsRequest

from gateway.codecs import filters
from gateway.http.query import Query


def get_request(flow_id: str, query: Query) -> GetFlowRequest:
    """The flow, with its time range if asked for. The range is checked even when it has no effect."""
    clip = filters.timerange(query)
    if not query.flag("include_timerange"):
        return GetFlowRequest(id=flow_id)
    return GetFlowRequest(id=flow_id, include_timerange=True, timerange=clip)


def list_request(query: Query) -> ListFlowsRequest:
    """Filters and page of GET /flows."""
    return ListFlowsRequest(
        source_id=query.uuid("source_id"),
        timerange=filters.timerange(query),
        format=filters.media_format(query),
        codec=filters.codec(query),
        label=query.text("label"),
        frame_width=query.number("frame_width"),
        frame_height=query.number("frame_height"),
        tags=query.named("tag."),
        tag_exists=query.named_flags("tag_exists."),
        page_size=query.limit(),
        page_token=query.page(),
    )
