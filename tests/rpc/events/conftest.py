"""The services metadata and events on loopback, with a new store for each test."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from grpc import aio
from tams.event.v1 import webhook_service_pb2
from tams.event.v1.webhook_pb2 import IdList, Webhook
from tams.event.v1.webhook_service_pb2_grpc import WebhookServiceStub
from tams.metadata.v1 import flow_service_pb2, segment_service_pb2
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub

from services.events.bootstrap import running as running_events
from services.events.settings import Settings
from services.shared.rpc.client import call, open_channel
from tests.support.metadata.flows import a_flow
from tests.support.processes.ports import free_ports
from tests.support.services.metadata import running_metadata

LOOPBACK = "127.0.0.0/8"


class Store:
    """A store whose flows a test changes, with its webhooks and the deliverers of their events."""

    def __init__(self, channel: aio.Channel, address: str, stack: AsyncExitStack) -> None:
        self.address = address
        self._stack = stack
        self._webhooks = WebhookServiceStub(channel)
        self.flows = FlowServiceStub(channel)
        self.segments = SegmentServiceStub(channel)

    async def deliver(self, **changes: Any) -> AsyncExitStack:
        """Start a deliverer with changed settings. Closing the returned stack stops it."""
        settings: dict[str, Any] = {
            "webhook_networks": LOOPBACK,
            "lease_seconds": 30,
            "drain_seconds": 0,
            "grace_seconds": 1,
        }
        (unused_port,) = free_ports(1)
        settings |= {"metadata_address": self.address, "media_address": f"127.0.0.1:{unused_port}", "port": 0}
        stack = await self._stack.enter_async_context(AsyncExitStack())
        await stack.enter_async_context(running_events(Settings(**(settings | changes))))
        return stack

    async def subscribe(self, url: str, events: list[str], key: str = "", **lists: list[str]) -> str:
        """Register a webhook, and return its id: empty if the registration was removed."""
        webhook = Webhook(url=url, events=events, api_key_name="x-key" if key else "")
        id_lists: dict[str, list[str]] = {"accept_get_urls": []}
        for name, values in (id_lists | lists).items():
            getattr(webhook, name).CopyFrom(IdList(values=values))
        request = webhook_service_pb2.RegisterWebhookRequest(webhook=webhook, api_key_value=key)
        registration = await call(self._webhooks.RegisterWebhook, request)
        return registration.webhook.id

    async def put(self, number: int, **members: Any) -> str:
        """Create or replace a flow, and return its id."""
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
