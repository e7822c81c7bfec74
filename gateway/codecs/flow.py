"""Query parameters of flows to protobuf. Flow documents pass through as JSON."""

from tams.metadata.v1 import flow_service_pb2

from gateway.codecs import filters
from gateway.http.query import Query


def get_request(flow_id: str, query: Query) -> flow_service_pb2.GetFlowRequest:
    """The request of GET /flows/{flowId}. The timerange is checked even if it has no effect."""
    clip = filters.timerange(query)
    if not query.flag("include_timerange"):
        return flow_service_pb2.GetFlowRequest(id=flow_id)
    return flow_service_pb2.GetFlowRequest(id=flow_id, include_timerange=True, timerange=clip)


def list_request(query: Query) -> flow_service_pb2.ListFlowsRequest:
    """The request of GET /flows: filters and page."""
    return flow_service_pb2.ListFlowsRequest(
        source_id=query.uuid("source_id"),
        timerange=filters.timerange(query),
        format=filters.media_format(query),
        codec=filters.codec(query),
        label=query.text("label"),
        frame_width=query.number("frame_width"),
        frame_height=query.number("frame_height"),
        tags=query.named("tag."),
        tag_exists=query.named_flags("tag_exists."),
        label_digest=filters.label_digest(query),
        tag_digests=filters.tag_digests(query),
        page_size=query.limit(),
        page_token=query.page(),
    )
