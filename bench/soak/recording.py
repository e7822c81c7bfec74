"""The work of the soak: cameras, retention that deletes old segments, and questions now and then."""

import json
import uuid
from collections.abc import Sequence

import httpx

from bench import feeds
from bench.corpus import flow_document
from bench.feeds import Outcome, Plan

_EVENTS = ("flows/segments_added", "flows/segments_deleted")


class Recording:
    """Feeds of a store at a URL on loopback. Each turn makes `segments` more for every feed."""

    def __init__(
        self, client: httpx.AsyncClient, port: int, *, segments: int, period: float, kept: int
    ) -> None:
        """A feed keeps its last `kept` segments; one is made every `period` seconds."""
        self._client = client
        self._port = port
        self._segments = segments
        self._period = period
        self._kept = kept
        self._second = 0
        self._flow_ids: list[str] = []

    async def begin(self, feed_count: int, webhook_urls: Sequence[str]) -> None:
        """Create the flows and register the webhooks."""
        self._flow_ids = [str(uuid.uuid4()) for _ in range(feed_count)]
        for flow_id in self._flow_ids:
            document = json.loads(flow_document(flow_id))
            (await self._client.put(f"/flows/{flow_id}", json=document)).raise_for_status()
        for url in webhook_urls:
            body = {"url": url, "events": _EVENTS}
            (await self._client.post("/service/webhooks", json=body)).raise_for_status()

    async def turn(self) -> Outcome:
        """Record for some seconds, then delete old segments and ask some questions."""
        outcome = await feeds.run(
            Plan(
                port=self._port,
                flow_ids=self._flow_ids,
                first_second=self._second,
                warm_up=0,
                seconds=self._segments,
                watched=5,
                object_bytes=10_000,
                period=self._period,
            )
        )
        self._second += self._segments
        await self._retain()
        await self._ask()
        return outcome

    async def _retain(self) -> None:
        """Delete the segments that are older than those to keep, as a retention job does."""
        before = self._second - self._kept
        if before <= 0:
            return
        for flow_id in self._flow_ids:
            params = {"timerange": f"_{before}:0)"}
            (await self._client.delete(f"/flows/{flow_id}/segments", params=params)).raise_for_status()

    async def _ask(self) -> None:
        coverage = f"/x/analytics/flows/{self._flow_ids[0]}/coverage"
        for path in (coverage, "/x/analytics/storage-usage", "/flows?limit=300", "/sources?limit=300"):
            (await self._client.get(path)).raise_for_status()
