from collections.abc import Iterator, Sequence

import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from tams.metadata.v1 import flow_service_pb2

from gateway.clients.services import METADATA
from services.access.attempts import Attempts
from services.access.ports import Attempt
from services.metadata.application.audit.refusals import Refusals
from services.metadata.servicers.audit.refusals import CHANGES, note_refused
from services.shared.access import caller
from services.shared.access.principal import Principal, Scope
from services.shared.errors import PermissionDenied, Unavailable
from services.shared.rpc.scopes import scopes_of

# They change no data, or report each part of a batch by itself.
NO_CHANGES = {"RefreshTables", "BatchCreateSegments"}
METHODS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method for service in METADATA for method in service.methods
}
PUT = "/tams.metadata.v1.FlowService/PutFlow"


def changes_of_callers() -> Iterator[str]:
    for path, method in METHODS.items():
        reads = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        if not reads and scopes_of(method) != {Scope.SERVICE} and method.name not in NO_CHANGES:
            yield path


def test_all_changes_of_callers_are_known() -> None:
    assert set(changes_of_callers()) - CHANGES.keys() == set()
    assert CHANGES.keys() - METHODS.keys() == set()


@pytest.mark.parametrize("path", CHANGES)
def test_the_field_of_the_resource_exists(path: str) -> None:
    field = CHANGES[path].field
    assert not field or field in METHODS[path].input_type.fields_by_name


async def noted(name: str, error: PermissionDenied | Unavailable, path: str = PUT) -> list[Attempt]:
    attempts, found = Attempts(lambda: 5), list[Attempt]()

    async def send(attempts: Sequence[Attempt]) -> None:
        found.extend(attempts)

    before = caller.principal.set(Principal.of(name, [Scope.WRITE]))
    note_refused(Refusals(attempts))(path, flow_service_pb2.PutFlowRequest(id="f", document=b"secret"), error)
    caller.principal.reset(before)
    await attempts.report(send)
    return found


async def test_a_refused_change_is_noted_with_its_resource_and_reason() -> None:
    error = PermissionDenied("flow secret is read-only", reason="FLOW_READ_ONLY")
    assert await noted("user:alice", error) == [
        Attempt(5, "flows.put", "user:alice", "", "FLOW_READ_ONLY", resource="flow:f")
    ]


async def test_faults_of_the_store_its_own_work_and_reads_are_not_noted() -> None:
    refusal = PermissionDenied("no")
    assert await noted("user:alice", Unavailable("no")) == []
    assert await noted("system", refusal) == []
    assert await noted("user:alice", refusal, "/tams.metadata.v1.FlowService/GetFlow") == []
