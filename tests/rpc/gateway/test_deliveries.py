"""The status of deliveries, as the gateway reads it from the events service and documents it."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from gateway.clients.deliveries import delivery_status
from gateway.clients.services import Services
from gateway.codecs.service import deliveries as codec
from gateway.settings import Settings
from services.events.domain.status import FailingSubscriber, Status
from services.events.servicers import deliveries
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.server import serving
from tests.support.metadata.flows import flow_id
from tests.support.processes.ports import free_ports

SINCE = 1_700_000_000_000_000_000


@asynccontextmanager
async def running_events(*failing: FailingSubscriber, stopped: bool = False) -> AsyncIterator[Services]:
    """The stubs of an events service that reports these failing webhooks, or of one that is stopped."""
    (port,) = free_ports(1)
    process_settings = ProcessSettings(port=port, drain_seconds=0, grace_seconds=0)
    registrations = [deliveries.registration(lambda: Status(5, len(failing), failing))]
    async with AsyncExitStack() as stack:
        if not stopped:
            await stack.enter_async_context(serving(process_settings, registrations))
        yield await Services.open(Settings(events_address=f"127.0.0.1:{port}"), stack)


async def document_of(failing: Sequence[FailingSubscriber]) -> dict[str, Any]:
    async with running_events(*failing) as services:
        status = await delivery_status(services)
    assert status is not None
    return codec.document(status)


async def test_failing_webhooks_are_described_for_operators() -> None:
    failing = FailingSubscriber(flow_id(1), SINCE, "answered 500", 7, 12, time.time_ns() - 90_000_000_000)
    document = await document_of([failing])
    (webhook,) = document.pop("failing_webhooks")
    assert document == {"served": 5, "failing": 1}
    assert 90 <= webhook.pop("oldest_event_seconds") < 200
    assert webhook == {
        "id": flow_id(1),
        "since": "2023-11-14T22:13:20Z",
        "last_error": "answered 500",
        "failed_attempts": 7,
        "backlog": 12,
    }


async def test_an_unknown_age_is_left_out_and_a_long_error_is_cut() -> None:
    document = await document_of([FailingSubscriber(flow_id(1), SINCE, "x" * 1000, 1, 0, 0)])
    (webhook,) = document["failing_webhooks"]
    assert "oldest_event_seconds" not in webhook
    assert len(webhook["last_error"]) == 300


async def test_the_status_is_unknown_while_events_is_unreachable() -> None:
    async with running_events(stopped=True) as services:
        assert await delivery_status(services) is None
