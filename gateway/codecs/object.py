"""Media objects: protobuf to JSON (TAMS 7.0, object.json)."""

import msgspec
from tams.metadata.v1 import object_pb2, object_service_pb2

from gateway.http.query import Query


class Object(msgspec.Struct, frozen=True, omit_defaults=True):
    """object.json."""

    id: str
    referenced_by_flows: list[str]
    first_referenced_by_flow: str = ""


def get_request(object_id: str, query: Query) -> object_service_pb2.GetObjectRequest:
    """The request of GET /objects/{objectId}, with the page of referencing flows."""
    return object_service_pb2.GetObjectRequest(id=object_id, page_size=query.limit(), page_token=query.page())


def document(message: object_pb2.Object) -> bytes:
    """The JSON of an object."""
    return msgspec.json.encode(
        Object(message.id, list(message.referenced_by_flows), message.first_referenced_by_flow)
    )
