"""Calls of callers whose token is for one flow, for every method of the protos."""

from typing import Any

import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from tams.metadata.v1 import segment_service_pb2

from docs.generate_scopes import rpcs, services
from services.shared.access.principal import GRANTED, Limit, Principal, Scope
from services.shared.access.service_tokens import ServiceTokens
from services.shared.errors import PermissionDenied, Unauthenticated
from services.shared.rpc.flow_fields import flow_ids_of
from services.shared.rpc.guard import Guard
from services.shared.rpc.scopes import scopes_of

FLOW = "4a1f0c5e-6d0b-4b8e-9d57-0c1a9e7f3b11"
OTHER = "b7f3a9c2-1d4e-4c6a-8f20-5e9d7c3b1a22"
TOKENS = ServiceTokens(b"a secret of thirty-two bytes or more")
LIMITED = Principal("user:alice", GRANTED, Limit(frozenset({"GET"}), FLOW))


async def refuse(authorization: str) -> Principal:
    raise Unauthenticated(authorization)


GUARD = Guard(TOKENS, refuse, services())


async def admit(method: MethodDescriptor, request: Any) -> None:
    path = f"/{method.containing_service.full_name}/{method.name}"
    await GUARD.admit(path, {"tams-caller": TOKENS.make(LIMITED)}, request)


def request_about(method: MethodDescriptor, *flow_ids: str) -> Any:
    """A request with these flow ids in the field that the method declares, else without fields."""
    request: Any = GetMessageClass(method.input_type)()
    for flow_id in flow_ids:
        for field in ("flow_id", "id"):
            if field in method.input_type.fields_by_name:
                setattr(request, field, flow_id)
                return request
        item = request.requests.add()
        setattr(item, "flow_id" if hasattr(item, "flow_id") else "id", flow_id)
    return request


ABOUT_FLOWS = [method for method in rpcs() if flow_ids_of(method) is not None]
OTHERS = [method for method in rpcs() if flow_ids_of(method) is None]


def test_every_method_with_a_flow_id_declares_it() -> None:
    with_flow_id = {method.full_name for method in rpcs() if "flow_id" in method.input_type.fields_by_name}
    assert with_flow_id <= {method.full_name for method in ABOUT_FLOWS}


@pytest.mark.parametrize("method", ABOUT_FLOWS, ids=lambda method: method.full_name)
async def test_a_call_about_the_flow_of_the_token_is_admitted(method: MethodDescriptor) -> None:
    await admit(method, request_about(method, FLOW))


@pytest.mark.parametrize("method", ABOUT_FLOWS, ids=lambda method: method.full_name)
async def test_a_call_about_another_flow_is_refused(method: MethodDescriptor) -> None:
    for request in (request_about(method, OTHER), request_about(method), None):
        with pytest.raises(PermissionDenied) as refused:
            await admit(method, request)
        assert refused.value.reason == "OUTSIDE_TOKEN"


@pytest.mark.parametrize("method", OTHERS, ids=lambda method: method.full_name)
async def test_a_call_about_no_flow_is_only_for_the_processes_of_the_store(method: MethodDescriptor) -> None:
    request = request_about(method)
    if scopes_of(method) == {Scope.SERVICE}:
        await admit(method, request)
    else:
        with pytest.raises(PermissionDenied) as refused:
            await admit(method, request)
        assert refused.value.reason == "OUTSIDE_TOKEN"


async def test_a_batch_with_another_flow_is_refused() -> None:
    method = segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"].methods_by_name[
        "BatchCreateSegments"
    ]
    await admit(method, request_about(method, FLOW, FLOW))
    with pytest.raises(PermissionDenied):
        await admit(method, request_about(method, FLOW, OTHER))
