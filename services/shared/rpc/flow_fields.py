"""The flows that a request is about, as the protos declare them."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from tams.type.v1 import scope_pb2

# Returns the ids of the flows that a request is about.
ReadFlowIds: TypeAlias = Callable[[Message], Iterable[str]]


def flow_ids_of(method: MethodDescriptor) -> ReadFlowIds | None:
    """Reads the flow ids of the method's requests; None for a method that is not about flows."""
    path: str = method.GetOptions().Extensions[scope_pb2.flow_field]
    if not path:
        return None
    outer, _, inner = path.partition(".")

    def of_request(request: Message) -> Iterable[str]:
        return (getattr(request, outer),)

    def of_items(request: Message) -> Iterable[str]:
        return [getattr(item, inner) for item in getattr(request, outer)]

    return of_items if inner else of_request
