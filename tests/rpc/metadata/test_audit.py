"""AuditService, directly over gRPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tams.metadata.v1 import audit_service_pb2
from tams.metadata.v1.audit_service_pb2_grpc import AuditServiceStub

from services.metadata.bootstrap import running
from services.metadata.settings import Settings
from services.shared.errors import InvalidArgument
from services.shared.rpc.client import call, open_channel

if TYPE_CHECKING:
    from tams.metadata.v1.audit_service_pb2_grpc import AuditServiceAsyncStub

DESCRIPTOR = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
FAILED = audit_service_pb2.Attempt(
    action="authentication.failed", name="mallory", address="192.0.2.1", reason="wrong", count=5
)
SUCCEEDED = audit_service_pb2.Attempt(action="authentication.succeeded", name="user:alice", count=1)


@asynccontextmanager
async def service(folder: Path, audit: str) -> AsyncIterator["AuditServiceAsyncStub"]:
    settings = Settings(port=0, drain_seconds=0, store_url=f"sqlite:///{folder}/t.db", audit=audit)  # type: ignore[arg-type] # a literal
    async with running(settings) as server, open_channel(f"127.0.0.1:{server.port}", [DESCRIPTOR]) as channel:
        yield AuditServiceStub(channel)


async def listed(stub: "AuditServiceAsyncStub") -> list[audit_service_pb2.AuditEntry]:
    request = audit_service_pb2.ListAuditEntriesRequest(oldest_first=True)
    return list((await call(stub.ListAuditEntries, request)).entries)


async def test_attempts_are_recorded_with_the_name_that_was_only_claimed(tmp_path: Path) -> None:
    async with service(tmp_path, "on") as stub:
        FAILED.time.FromNanoseconds(1_700_000_000_000_000_001)
        request = audit_service_pb2.RecordAttemptsRequest(attempts=[FAILED, SUCCEEDED])
        await call(stub.RecordAttempts, request)
        failed, succeeded = await listed(stub)
        assert (failed.principal, failed.resource) == ("nobody", "principal:mallory")
        assert (failed.outcome, failed.facts) == (
            "refused", '{"count":5,"reason":"wrong","address":"192.0.2.1"}',
        )  # fmt: skip
        assert failed.time.ToNanoseconds() == 1_700_000_000_000_000_001
        assert (succeeded.principal, succeeded.outcome, succeeded.facts) == ("user:alice", "done", "{}")


async def test_a_store_without_an_audit_log_ignores_attempts(tmp_path: Path) -> None:
    async with service(tmp_path, "off") as stub:
        await call(stub.RecordAttempts, audit_service_pb2.RecordAttemptsRequest(attempts=[FAILED]))
        assert await listed(stub) == []


async def test_too_many_attempts_are_refused(tmp_path: Path) -> None:
    async with service(tmp_path, "on") as stub:
        with pytest.raises(InvalidArgument) as refused:
            await call(stub.RecordAttempts, audit_service_pb2.RecordAttemptsRequest(attempts=[FAILED] * 1001))
        assert refused.value.reason == "TOO_MANY_ITEMS"


async def test_a_bad_page_token_is_refused(tmp_path: Path) -> None:
    async with service(tmp_path, "on") as stub:
        with pytest.raises(InvalidArgument) as refused:
            await call(stub.ListAuditEntries, audit_service_pb2.ListAuditEntriesRequest(page_token="x"))
        assert refused.value.reason == "BAD_PAGE_TOKEN"
