"""A whole run: the system, its users, the faults, the comparisons and the summary."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from simulators.vast.server import Server
from tests.campaign.checking import Checker
from tests.campaign.events.ledger import Ledger
from tests.campaign.events.subscribers import running_subscribers
from tests.campaign.fault_log import FaultLog
from tests.campaign.faults.database import running_database, settings
from tests.campaign.faults.injection import Faults
from tests.campaign.faults.network import running_network
from tests.campaign.makers import fresh_makers, makers
from tests.campaign.plan import Plan
from tests.campaign.report import Report
from tests.campaign.resources import Resources
from tests.campaign.store.channels import Store
from tests.campaign.store.media_bytes import MediaBytes
from tests.campaign.worlds.pool import Pool
from tests.support.processes.small_disk import small_disk
from tests.support.processes.system import System

_PROGRESS_SECONDS: Final = 60.0
# Deletions take several slices, and subscribers on loopback are allowed.
SETTINGS: Final = {
    "TAMS_METADATA_DELETION_BUDGET_SECONDS": "0.001",
    "TAMS_WEBHOOK_NETWORKS": "127.0.0.0/8",
    "TAMS_MEDIA_RECLAIM_UNREFERENCED_SECONDS": "1200",
    "TAMS_LOG_FORMAT": "json",
}


class Campaign:
    """The parts of one run. Work and comparisons take turns."""

    def __init__(
        self,
        *,
        plan: Plan,
        report: Report,
        pool: Pool,
        faults: Faults,
        checker: Checker,
        resources: Resources,
    ) -> None:
        self._plan = plan
        self._report = report
        self._pool = pool
        self._faults = faults
        self._checker = checker
        self._resources = resources
        self._open = asyncio.Event()
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Work until the time is up or `ended` is set, and then compare everything once more."""
        self._open.set()
        workers = [asyncio.create_task(self._work(number)) for number in range(self._plan.workers)]
        others = [
            asyncio.create_task(work) for work in (self._faults.run(self._open), self._print_progress())
        ]
        try:
            await self._take_turns([*workers, *others])
        finally:
            for task in (*workers, *others):
                task.cancel()
            await asyncio.gather(*workers, *others, return_exceptions=True)

    async def _take_turns(self, tasks: list[asyncio.Task[None]]) -> None:
        while not self._is_over():
            await self._wait(self._plan.check_minutes * 60, tasks)
            await self._check()
        await self._checker.doctor()

    async def _wait(self, seconds: float, tasks: list[asyncio.Task[None]]) -> None:
        until = min(time.monotonic() + seconds, self._report.began + self._plan.minutes * 60)
        while time.monotonic() < until and not self._is_over():
            for task in tasks:
                if task.done() and (error := task.exception()):
                    raise error
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), 0.2)

    def _is_over(self) -> bool:
        return (
            self.ended.is_set()
            or self._report.age() > self._plan.minutes * 60
            or self._report.total() >= self._plan.operations
        )

    async def _check(self) -> None:
        """Wait until all workers rest, heal the system, and compare."""
        self._open.clear()
        async with self._faults.busy:
            await self._pool.rest()
            await self._faults.heal()
            await self._checker.check()
            self._resources.measure()
        if not self._is_over():
            self._open.set()

    async def _work(self, number: int) -> None:
        numbers = self._plan.random("worker", number)
        while True:
            await self._open.wait()
            found_work = await self._pool.step(numbers)
            await asyncio.sleep(numbers.uniform(0, 0.05) if found_work else 0.2)

    async def _print_progress(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            self._resources.measure()
            self._report.write(self._report.progress())


def _system(plan: Plan, data_dir: Path, database: Server | None) -> System:
    if database is None:
        return System(data_dir, SETTINGS)
    arguments = ("--metadata", str(plan.metadata)) if plan.metadata > 1 else ()
    return System(data_dir, {**SETTINGS, **settings(database)}, arguments=arguments)


@asynccontextmanager
async def campaign(
    plan: Plan, report: Report, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Campaign]:
    """A campaign with its own system, which is stopped at the end."""
    log, ledger = FaultLog(), Ledger(report)
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk(plan.folder / "disk", plan.disk_mib))
        database = stack.enter_context(running_database()) if plan.engine == "vast" else None
        system = _system(plan, disk.folder / "data", database)
        stack.callback(system.abandon)
        await asyncio.to_thread(lambda: system.start().ready())
        network = await stack.enter_async_context(running_network(system.url, plan.random("network")))
        store = await stack.enter_async_context(Store([system.url, network.url], log, report, transport))
        media = MediaBytes(plan.random("media"))
        stack.push_async_callback(media.aclose)
        subscribers = await stack.enter_async_context(running_subscribers(ledger))
        channel = store.channel("check", plan.random("check"))
        await subscribers.register(channel)
        world_makers = makers(plan, store, media, ledger, system.url)
        if plan.metadata > 1:
            world_makers += await stack.enter_async_context(fresh_makers(plan, system, ledger, log, report))
        pool = Pool(world_makers, log, report, ledger)
        faults = Faults(
            plan=plan,
            system=system,
            disk=disk,
            network=network,
            store=store,
            report=report,
            log=log,
            database=database,
        )
        checker = Checker(
            channel=channel,
            pool=pool,
            ledger=ledger,
            subscribers=subscribers,
            media=media,
            system=system,
            report=report,
        )
        resources = Resources(system, report)
        resources.measure()
        draining = asyncio.create_task(subscribers.keep_draining())
        stack.callback(draining.cancel)
        # The system ends before the network and the subscribers that it connects to.
        stack.push_async_callback(asyncio.to_thread, system.abandon)
        yield Campaign(
            plan=plan, report=report, pool=pool, faults=faults, checker=checker, resources=resources
        )
        report.figures["objects put"] = media.uploads
        report.figures["objects read back"] = media.downloads
        report.note(resources.table())


async def run(plan: Plan, report: Report, transport: httpx.AsyncBaseTransport | None = None) -> None:
    """Run a whole campaign. SIGINT and SIGTERM end it in order."""
    report.write(plan.line())
    async with campaign(plan, report, transport) as running:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, running.ended.set)
        try:
            await running.run()
        except Exception as error:  # noqa: BLE001 - the figures and findings so far are still reported
            report.find("campaign", f"ended early: {type(error).__name__} {error}")
