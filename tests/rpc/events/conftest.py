"""Metadata and events as they run, on loopback, with a store of their own for each test."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tams.event.v1 import webhook_service_pb2
from tams.event.v1.webhook_pb2 import IdList, Webhook
from tams.event.v1.webhook_service_pb2_grpc import WebhookServiceStub
from tams.metadata.v1 import flow_service_pb2, segment_service_pb2
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub

from services.events.bootstrap import running as running_events
from services.events.settings import Settings
from services.shared.rpc.client import call, open_channel
from tests.support.flows import a_flow
from tests.support.metadata_service import running_metadata
from tests.support.ports import free_ports

LOOPBACK = "127.0.0.0/8"


class Store:
    """What a test does to the store, and to whom it tells of it."""

    def __init__(self, channel: Any, address: str, stack: AsyncExitStack) -> None:
        self.address = address
        self._stack = stack
        self._webhooks = WebhookServiceStub(channel)
        self.flows = FlowServiceStub(channel)
        self.segments = SegmentServiceStub(channel)

    async def deliver(self, **changes: Any) -> AsyncExitStack:
        """A deliverer of its own; close what it returns to stop it."""
        settings = {"webhook_networks": LOOPBACK, "lease_seconds": 30, "drain_seconds": 0, "grace_seconds": 1}
        (away,) = free_ports(1)
        settings |= {"metadata_address": self.address, "media_address": f"127.0.0.1:{away}", "port": 0}
        stack = await self._stack.enter_async_context(AsyncExitStack())
        await stack.enter_async_context(running_events(Settings(**(settings | changes))))
        return stack

    async def subscribe(self, url: str, events: list[str], key: str = "", **lists: list[str]) -> str:
        """Register; the id, empty when that removed the registration."""
        webhook = Webhook(url=url, events=events, api_key_name="x-key" if key else "")
        for name, values in ({"accept_get_urls": []} | lists).items():
            getattr(webhook, name).CopyFrom(IdList(values=values))
        request = webhook_service_pb2.RegisterWebhookRequest(webhook=webhook, api_key_value=key)
        return (await call(self._webhooks.RegisterWebhook, request)).webhook.id

    async def put(self, number: int, **members: Any) -> str:
        """Create or replace a flow; its id."""
        document = a_flow(number, **members)
        request = flow_service_pb2.PutFlowRequest(id=document["id"], document=json.dumps(document).encode())
        await call(self.flows.PutFlow, request)
        return str(document["id"])


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_metadata(tmp_path, webhook_networks=LOOPBACK))
        address = f"127.0.0.1:{server.port}"
        services = [
            flow_service_pb2.DESCRIPTOR.services_by_name["FlowService"],
            segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"],
            webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
        ]
        channel = await stack.enter_async_context(open_channel(address, services))
        yield Store(channel, address, stack)
