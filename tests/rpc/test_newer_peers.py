"""Requests of a later version, with fields that this one does not know, are answered as if they had none."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message_factory import GetMessageClass

from tests.support.rpc.caller import FAULTS, METHODS, VALID_FIELDS, WAITING, Caller, running_caller
from tests.support.rpc.malformed import valid_request
from tests.support.rpc.newer import add_fields
from tests.support.storage.seaweedfs import SeaweedFS

# Their answers have the free bytes of the disk.
VARYING = ("GetStatus",)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS) -> AsyncIterator[Caller]:
    async with running_caller(tmp_path_factory.mktemp("services"), seaweedfs) as running:
        yield running


def is_compared(method: MethodDescriptor) -> bool:
    """True if two calls in a row have the same answer."""
    only_reads = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return only_reads and method.name not in VARYING


async def test_fields_of_a_later_version_are_ignored(caller: Caller) -> None:
    differing = []
    for method in (method for method in METHODS if method.name not in WAITING):
        for request in (GetMessageClass(method.input_type)(), valid_request(method, VALID_FIELDS)):
            later = type(request)()
            later.CopyFrom(request)
            add_fields(later)
            assert later.SerializeToString() != request.SerializeToString()
            answer, later_answer = await caller(method, request), await caller(method, later)
            if later_answer[0] in FAULTS or (is_compared(method) and answer != later_answer):
                differing.append((method.full_name, answer, later_answer))
    assert differing == []
