"""After a deliverer is killed, another takes over when the lease has run out, on both engines."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tams.event.v1 import event_service_pb2, webhook_service_pb2
from tams.event.v1.event_service_pb2_grpc import EventServiceStub
from tams.event.v1.webhook_pb2 import IdList, Webhook
from tams.event.v1.webhook_service_pb2_grpc import WebhookServiceStub

from services.metadata.bootstrap import running
from services.metadata.settings import Settings
from services.shared.rpc.client import call, open_channel
from tests.support.events.sink import running_sink
from tests.support.metadata.flows import flow_id
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.services.engine import ENGINES, Engine
from tests.support.services.metadata import put_flow

LEASE = event_service_pb2.LeaseWebhooksRequest(owner="another", ttl_seconds=3, max_webhooks=10)


@contextmanager
def events_process(metadata_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The events service in a process of its own, with the default lease."""
    (port, unused_port) = free_ports(2)
    env = {
        "TAMS_EVENTS_PORT": str(port),
        "TAMS_EVENTS_METADATA_ADDRESS": f"127.0.0.1:{metadata_port}",
        "TAMS_EVENTS_MEDIA_ADDRESS": f"127.0.0.1:{unused_port}",
        "TAMS_WEBHOOK_NETWORKS": "127.0.0.0/8",
    }
    process = subprocess.Popen([sys.executable, "-m", "services.events"], env=env, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ENGINES)
async def test_another_deliverer_takes_over_after_the_lease_and_not_before(tmp_path: Path, name: str) -> None:
    engine = Engine()
    engine.name = name
    defaults: dict[str, Any] = {
        "port": 0,
        "drain_seconds": 0,
        "grace_seconds": 1,
        "webhook_networks": "127.0.0.0/8",
    }
    services = [webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"]]
    with closing(engine):
        async with (
            running(Settings(**{**defaults, **engine.settings(tmp_path)})) as server,
            open_channel(f"127.0.0.1:{server.port}", services) as channel,
            running_sink() as sink,
        ):
            webhook = Webhook(url=sink.url, events=["flows/created"], accept_get_urls=IdList())
            request = webhook_service_pb2.RegisterWebhookRequest(webhook=webhook)
            await call(WebhookServiceStub(channel).RegisterWebhook, request)
            with events_process(server.port) as first:
                await put_flow(channel, flow_id(1))
                await until(lambda: len(sink.events) == 1)
                first.send_signal(signal.SIGKILL)
                first.wait()
                killed = time.monotonic()
                assert not (await call(EventServiceStub(channel).LeaseWebhooks, LEASE)).leases
            with events_process(server.port):
                await put_flow(channel, flow_id(2))
                await until(lambda: sink.events[-1]["event"]["flow"]["id"] == flow_id(2))
            # The lease lasts a few seconds. The rest is for a busy machine, and less than half a minute.
            assert time.monotonic() - killed < 15
