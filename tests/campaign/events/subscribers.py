"""The campaign's own subscribers: a fast and a slow one, which both accept everything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.campaign.events.ledger import Ledger
from tests.campaign.store.channels import Channel, Unknown
from tests.support.events.sink import Sink, running_sink, take

_EVENTS: Final = [
    f"{kind}/{change}"
    for kind, changes in {
        "flows": ("created", "updated", "deleted", "segments_added", "segments_deleted"),
        "sources": ("created", "updated", "deleted"),
    }.items()
    for change in changes
]
_SLOW_SECONDS: Final = 0.2


@dataclass
class Subscribers:
    """The subscriber whose events the ledger compares, and a slow one that must not delay others."""

    sink: Sink
    slow: Sink
    ledger: Ledger

    async def register(self, channel: Channel) -> None:
        """Register both for all events, before the first change."""
        for sink in (self.sink, self.slow):
            await _register(channel, sink.url)

    def drain(self) -> None:
        """Pass the received events to the ledger."""
        for event, headers in zip(self.sink.events, self.sink.headers, strict=True):
            self.ledger.receive(int(headers["tams-event-id"]), event)
        for sink in (self.sink, self.slow):
            sink.events.clear()
            sink.headers.clear()

    async def keep_draining(self) -> None:
        """Pass received events to the ledger until cancelled."""
        while True:
            await asyncio.sleep(0.2)
            self.drain()


async def _slowly(_event: dict[str, Any]) -> str:
    await asyncio.sleep(_SLOW_SECONDS)
    return "204 No Content"


async def _register(channel: Channel, url: str) -> None:
    while True:
        try:
            response = await channel.post("/service/webhooks", json={"url": url, "events": _EVENTS})
        except Unknown:
            continue
        assert response.status_code == 201, response.text
        return


@asynccontextmanager
async def running_subscribers(ledger: Ledger) -> AsyncIterator[Subscribers]:
    """Both subscribers on loopback."""
    async with running_sink(take) as sink, running_sink(_slowly) as slow:
        yield Subscribers(sink, slow, ledger)
