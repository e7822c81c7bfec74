"""The campaign itself: it survives faults, and it finds the faults of a store."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.campaign.campaign import campaign
from tests.campaign.events.changes import Change
from tests.campaign.events.ledger import Ledger
from tests.campaign.fault_log import FaultLog
from tests.campaign.flows.line_world import range_of
from tests.campaign.flows.long_flow import LongFlow
from tests.campaign.flows.shared_flow import SharedFlow
from tests.campaign.histories.store_world import StoreWorld
from tests.campaign.plan import DATABASE_FAULTS, Plan
from tests.campaign.report import Report
from tests.campaign.store.channels import Store
from tests.campaign.store.media_bytes import MediaBytes
from tests.campaign.worlds.world import World
from tests.support.processes.system import System
from tests.support.services.gateway import new_id

pytestmark = pytest.mark.slow


@pytest.fixture
def report() -> Report:
    return Report(1, lambda _text: None)


async def test_a_campaign_with_killed_parts_has_no_findings(tmp_path: Path, report: Report) -> None:
    plan = Plan(
        seed=1,
        folder=tmp_path,
        minutes=2,
        operations=300,
        faults=("kill",),
        fault_seconds=1,
        workers=3,
        worlds=2,
    )
    async with campaign(plan, report) as running:
        await running.run()
    assert [str(finding) for finding in report.findings] == []
    assert report.faults["kill"] > 0
    assert report.acknowledged_writes() > 0
    assert report.figures["events compared"] > 0
    assert report.figures["complete comparisons"] == 1


async def test_a_campaign_with_faulty_vast_endpoints_has_no_findings(tmp_path: Path, report: Report) -> None:
    """Run two metadata processes, which are killed too, on a cluster with all kinds of faults."""
    plan = Plan(
        seed=1,
        folder=tmp_path,
        minutes=2,
        operations=200,
        faults=("kill", *DATABASE_FAULTS),
        fault_seconds=1,
        workers=3,
        worlds=2,
        engine="vast",
        metadata=2,
    )
    async with campaign(plan, report) as running:
        await running.run()
    assert [str(finding) for finding in report.findings] == []
    assert sum(report.faults[kind] for kind in DATABASE_FAULTS) > 0
    assert report.acknowledged_writes() > 0
    assert report.figures["complete comparisons"] == 1


class DroppingTransport(httpx.AsyncHTTPTransport):
    """A transport that confirms one registration of segments without sending it."""

    to_drop = 1

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.to_drop and request.method == "POST" and request.url.path.endswith("/segments"):
            self.to_drop -= 1
            return httpx.Response(201, request=request)
        return await super().handle_async_request(request)


class Worlds:
    """Creates worlds that use a DroppingTransport."""

    def __init__(self, store: Store, media: MediaBytes, report: Report) -> None:
        self._store = store
        self._media = media
        self._ledger = Ledger(report)

    def make(self, kind: type[World]) -> World:
        numbers, channel = random.Random(5), self._store.channel("world", random.Random(5))
        if kind is SharedFlow:
            return SharedFlow(channel, numbers, self._ledger)
        assert kind in (StoreWorld, LongFlow)
        return kind(channel, numbers, self._media, self._ledger)


@pytest.fixture
async def worlds(system: System, report: Report) -> AsyncIterator[Worlds]:
    media = MediaBytes(random.Random(5))
    async with Store([system.url, system.url], FaultLog(), report, DroppingTransport()) as store:
        yield Worlds(store, media, report)
    await media.aclose()


@pytest.mark.parametrize("kind", [StoreWorld, SharedFlow, LongFlow])
async def test_a_dropped_registration_is_found(worlds: Worlds, kind: type[World]) -> None:
    world = worlds.make(kind)

    async def work() -> None:
        await world.begin()
        for _ in range(60):
            await world.step()
            await world.compare()

    with pytest.raises(AssertionError):
        await work()


def receive(ledger: Ledger, number: int, kind: str, **event: object) -> None:
    body = {"event_type": kind, "event": event, "event_timestamp": datetime.now(UTC).isoformat()}
    ledger.receive(number, body)


def test_missing_unexpected_and_unordered_events_are_found(report: Report) -> None:
    ledger, flow, other = Ledger(report), new_id(), new_id()
    ledger.expect([Change(flow, "flows/deleted"), Change(other, "flows/deleted")])
    receive(ledger, 2, "flows/deleted", flow_id=flow)
    assert ledger.match() == [f"flows/deleted of {other} []"]
    assert report.findings == []
    receive(ledger, 3, "flows/created", flow={"id": flow})
    assert not report.findings
    ledger.match()
    assert "was received; expected: nothing" in report.findings[0].text
    for number in (5, 4):
        receive(ledger, number, "flows/deleted", flow_id=other)
    assert "4 was received after 5" in report.findings[1].text


def test_segment_events_must_report_exactly_the_changed_segments(report: Report) -> None:
    ledger, flow = Ledger(report), new_id()
    segments = [(range_of(second), "x") for second in range(4)]
    ledger.expect([Change(flow, "flows/segments_added", segments=segments)])
    ledger.expect([Change(flow, "flows/segments_deleted", segments=segments)])
    added = [{"timerange": text, "object_id": name} for text, name in segments]
    for number, part in enumerate((added[:1], added[1:]), 1):
        receive(ledger, number, "flows/segments_added", flow_id=flow, segments=part)
    for number, text in enumerate(("[0:0_2:0)", "[2:0_4:0)"), 3):
        receive(ledger, number, "flows/segments_deleted", flow_id=flow, timerange=text)
    assert ledger.match() == []
    assert report.findings == []
    receive(ledger, 5, "flows/segments_deleted", flow_id=flow, timerange="[0:0_9:0)")
    ledger.match()
    assert len(report.findings) == 1
