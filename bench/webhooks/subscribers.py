"""Webhooks for measurements: the events service, a sink for its events, and registrations."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.http_reply import body_of
from bench.running import processes
from bench.running.processes import Process
from bench.running.system import LOOPBACK, System, serving
from tests.support.processes.ports import free_ports

# The events service looks for new registrations after a third of this time.
_LEASE_SECONDS: Final = 3
_SERVED_AFTER_SECONDS: Final = _LEASE_SECONDS / 3 + 0.5


@dataclass(frozen=True)
class Subscribers:
    """The processes of webhooks. Registrations lead to the sink."""

    system: System
    events: Process
    sink: Process

    async def register(self, count: int) -> None:
        """Register webhooks for added segments, and wait until the events service serves them."""
        await asyncio.to_thread(self._post, count, ["flows/segments_added"])
        await asyncio.sleep(_SERVED_AFTER_SECONDS)

    async def remove(self, count: int) -> None:
        """Remove the first `count` webhooks."""
        await asyncio.to_thread(self._post, count, [])
        await asyncio.sleep(_SERVED_AFTER_SECONDS)

    async def received(self) -> int:
        """The number of events that the sink got so far."""
        return int(await asyncio.to_thread(body_of, self.sink.port, "/"))

    def _post(self, count: int, events: Sequence[str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.system.gateway.port, timeout=30)
        for number in range(count):
            body = {"url": f"http://127.0.0.1:{self.sink.port}/{number}", "events": events}
            headers = {"content-type": "application/json"}
            connection.request("POST", "/service/webhooks", json.dumps(body), headers)
            reply = connection.getresponse()
            text = reply.read()
            if reply.status not in (http.client.CREATED, http.client.OK, http.client.NO_CONTENT):
                raise RuntimeError(f"POST /service/webhooks: {reply.status} {text[:300]!r}")
        connection.close()


@asynccontextmanager
async def running_subscribers(system: System, folder: Path) -> AsyncIterator[Subscribers]:
    """The events service of a system and the sink, until the block ends."""
    sink_port, events_port = free_ports(2)
    env = {
        "TAMS_EVENTS_PORT": str(events_port),
        "TAMS_EVENTS_METADATA_ADDRESS": f"127.0.0.1:{system.metadata.port}",
        "TAMS_EVENTS_MEDIA_ADDRESS": f"127.0.0.1:{system.media.port}",
        "TAMS_EVENTS_LEASE_SECONDS": str(_LEASE_SECONDS),
        **LOOPBACK,
    }
    with (
        processes.running("sink", sink_port, ["bench.webhooks.sink", str(sink_port)], folder) as sink,
        processes.running("events", events_port, ["services.events"], folder, env) as events,
    ):
        await sink.listening()
        await serving(events)
        yield Subscribers(system, events, sink)
