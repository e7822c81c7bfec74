"""Each malformed request to a service is refused as a fault of the client, and the tables stay consistent."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor

from services.shared.object_size import MAX_OBJECT_BYTES
from tests.support.metadata.flows import flow_id
from tests.support.rpc.caller import FAULTS, FLOW, METHODS, VALID_FIELDS, Caller, running_caller
from tests.support.rpc.malformed import malformed
from tests.support.storage.seaweedfs import SeaweedFS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS) -> AsyncIterator[Caller]:
    async with running_caller(tmp_path_factory.mktemp("services"), seaweedfs) as running:
        yield running


@pytest.mark.parametrize("method", METHODS, ids=[method.full_name for method in METHODS])
async def test_a_malformed_request_is_refused_with_its_reason(
    caller: Caller, method: MethodDescriptor
) -> None:
    faults = []
    for request in malformed(method, VALID_FIELDS):
        code, details = await caller(method, request)
        if code in FAULTS:
            faults.append((code, details, str(request)[:300]))
    assert faults == []


async def test_the_tables_are_consistent_after_malformed_requests(caller: Caller) -> None:
    checked = await caller.call("CheckConsistency")
    assert (list(checked.inconsistencies), checked.complete) == ([], True)
    largest = [{"object_id": object_id, "size": MAX_OBJECT_BYTES} for object_id in "op"]
    await caller.call("RecordObjectSizes", objects=largest)
    (usage,) = [backend for backend in (await caller.call("GetStorageUsage")).backends if backend.storage_id]
    assert usage.bytes == 2 * MAX_OBJECT_BYTES
    await caller.call("PutFlow", id=FLOW, document=VALID_FIELDS["document"])
    for number in (1, 2):
        await caller.call("GetCoverage", flow_id=flow_id(number))
        await caller.call("ListSegments", flow_id=flow_id(number))
    await caller.call("ListFlows")
    await caller.call("ListWebhooks")
