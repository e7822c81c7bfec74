"""The complete comparison: workers rest, the system is healthy, and store and model must agree."""

import asyncio
import os
import sys
import time
from typing import Final

from tests.campaign.events.ledger import Ledger
from tests.campaign.events.subscribers import Subscribers
from tests.campaign.flows.shared_flow import SharedFlow
from tests.campaign.report import Report
from tests.campaign.store.channels import Channel
from tests.campaign.store.deletions import requests
from tests.campaign.store.media_bytes import MediaBytes
from tests.campaign.worlds.pool import LATE_SECONDS, SETTLE_SECONDS, Pool
from tests.support.http.walking import walk
from tests.support.processes.system import System

# The events service tries an unreachable subscriber again after up to a minute.
EVENT_SECONDS: Final = 180.0
_SHOWN: Final = 5
_SAMPLED: Final = 40
_DOCTOR_ATTEMPTS: Final = 5


class Checker:
    """Compares all worlds, the events, the listings and the tables themselves."""

    def __init__(
        self,
        *,
        channel: Channel,
        pool: Pool,
        ledger: Ledger,
        subscribers: Subscribers,
        media: MediaBytes,
        system: System,
        report: Report,
    ) -> None:
        self._channel = channel
        self._pool = pool
        self._ledger = ledger
        self._subscribers = subscribers
        self._media = media
        self._system = system
        self._report = report

    async def check(self) -> None:
        """Compare everything. No worker works and no fault is under way meanwhile."""
        await asyncio.sleep(LATE_SECONDS)
        await self._pool.settle()
        await self._events()
        await self._pool.compare()
        for check in (self._listings, self._objects, self._consistency, self._deletions):
            try:
                await check()
            except AssertionError as error:
                self._channel.find(f"{check.__name__.strip('_')}: {str(error)[:1500]}")
        self._report.figures["complete comparisons"] += 1

    async def doctor(self) -> None:
        """Check that `tams doctor` finds nothing. It reports slowness too, so there are several attempts."""
        for _ in range(_DOCTOR_ATTEMPTS):
            code, output = await self._run_doctor()
            if not code:
                return
            await asyncio.sleep(SETTLE_SECONDS)
        problems = [line for line in output.splitlines() if not line.startswith("ok")]
        self._channel.find(f"tams doctor ended with {code}: {problems}")

    async def _run_doctor(self) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "client.cli", "doctor",
            "--max-flows", "100000", "--max-segments", "10000000",
            env={**os.environ, "TAMS_URL": self._system.url},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    async def _events(self) -> None:
        deadline = time.monotonic() + EVENT_SECONDS
        while missing := self._missing():
            if time.monotonic() > deadline:
                shown = "; ".join(missing[:_SHOWN])
                self._channel.find(
                    f"{len(missing)} events were not received within {EVENT_SECONDS:g} s: {shown}"
                )
                self._ledger.drop_expected()
                return
            await asyncio.sleep(0.5)

    def _missing(self) -> list[str]:
        self._subscribers.drain()
        shared = [world for world in self._pool.worlds() if isinstance(world, SharedFlow)]
        return [*self._ledger.match(), *(line for world in shared for line in world.missing_events())]

    async def _listings(self) -> None:
        """Check that the lists have all flows and sources that exist, and no others."""
        worlds = list(self._pool.worlds())
        known = {
            "/flows": {flow_id for world in worlds for flow_id in world.flows()},
            "/sources": {source_id for world in worlds for source_id in world.sources()},
        }
        for path, ids in known.items():
            listed = [item["id"] for item in await walk(self._channel, path, {}, 7)]
            assert listed == sorted(set(listed)), f"{path} is out of order or has duplicates"
            found = set(listed) - self._pool.given_up
            expected = ids - self._pool.given_up
            assert found == expected, f"{path}: missing {expected - found}, unexpected {found - expected}"

    async def _objects(self) -> None:
        """Check that the bytes of a sample of segments are the uploaded bytes."""
        checked = 0
        for flow in (await self._channel.get("/flows", params={"limit": "100"})).json():
            segments = (
                await self._channel.get(f"/flows/{flow['id']}/segments", params={"limit": "5"})
            ).json()
            for segment in segments:
                await self._media.check(self._channel, segment)
                checked += 1
            if checked > _SAMPLED:
                return

    async def _consistency(self) -> None:
        params = {"max_flows": "100000", "max_segments": "10000000"}
        report = (await self._channel.get("/x/admin/consistency", params=params)).json()
        assert not report["inconsistencies"], report["inconsistencies"][:_SHOWN]

    async def _deletions(self) -> None:
        failed = [request for request in await requests(self._channel) if request["status"] == "error"]
        assert not failed, failed[:_SHOWN]
