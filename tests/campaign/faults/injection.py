"""Faults, injected one after the other. After each of them the system must become healthy again."""

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx
import psutil

from simulators.vast.server import Server
from tests.campaign.fault_log import FaultLog
from tests.campaign.faults.database import DatabaseFaults
from tests.campaign.faults.network import MODES, Network
from tests.campaign.plan import Plan
from tests.campaign.report import Report
from tests.campaign.store.channels import Store, Unknown
from tests.support.processes.polling import until
from tests.support.processes.small_disk import Disk
from tests.support.processes.system import PARTS, System, has_ended

_SILENT, _SLOW_READERS, _DEAD_WEBHOOKS = 60, 15, 100
# The time in which `tams up` notices the free space of the disk, and restarts storage if needed.
_NOTICE_SECONDS = 2.0


class Faults:
    """Injects faults into a system. Each method lasts as long as its fault."""

    def __init__(
        self,
        *,
        plan: Plan,
        system: System,
        disk: Disk,
        network: Network,
        store: Store,
        report: Report,
        log: FaultLog,
        database: Server | None = None,
    ) -> None:
        self._plan = plan
        self._system = system
        self._disk = disk
        self._network = network
        self._store = store
        self._report = report
        self._log = log
        self._numbers = plan.random("faults")
        # Held while a fault is under way.
        self.busy = asyncio.Lock()
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "kill": self._kill,
            "kill-runner": self._kill_runner,
            "stall": self._stall,
            "disk": self._fill_disk,
            "network": self._disturb,
            "silent": self._silent,
            "slow-readers": self._slow_readers,
            "dead-webhooks": self._dead_webhooks,
        }
        if database is not None:
            database_faults = DatabaseFaults(database, plan.random("database"), log)
            kinds |= {
                "endpoints": database_faults.some_endpoints,
                "database": database_faults.all_endpoints,
                "lost-commits": database_faults.lost_commits,
                "restart": database_faults.restart,
            }
        weights = {"kill": 6, "stall": 4, "network": 4, "endpoints": 12, "database": 6, "lost-commits": 4}
        self._kinds = {kind: kinds[kind] for kind in plan.faults}
        if not disk.small and "disk" in self._kinds:
            report.note("no full disk: this user cannot mount a small file system")
            del self._kinds["disk"]
        self._weights = [weights.get(kind, 1) for kind in self._kinds]

    async def run(self, may_continue: asyncio.Event) -> None:
        """Inject faults until cancelled."""
        while self._kinds:
            await asyncio.sleep(self._numbers.uniform(0.2, 2) * self._plan.fault_seconds)
            await may_continue.wait()
            async with self.busy:
                if may_continue.is_set():
                    await self.inject()

    async def inject(self) -> None:
        """Inject a fault, and wait until the system is healthy again."""
        (kind,) = self._numbers.choices(list(self._kinds), weights=self._weights)
        self._report.faults[kind] += 1
        try:
            await self._kinds[kind]()
        except (AssertionError, OSError, psutil.Error) as error:
            self._report.find("system", f"{kind}: {error}; {self._system.errors()[-1500:]}")
            await self._restart()
        await self.heal()

    async def heal(self) -> None:
        """Wait until the system is healthy. If its runner has ended, report a finding and start another."""
        try:
            await asyncio.to_thread(self._system.healthy)
        except (AssertionError, OSError, psutil.Error) as error:
            self._report.find("system", f"not healthy again: {error}; {self._system.errors()[-1500:]}")
            await self._restart()

    async def _restart(self) -> None:
        self._system.abandon()
        await asyncio.to_thread(lambda: self._system.start().ready())

    async def _kill(self) -> None:
        part = self._numbers.choice(PARTS)
        processes = self._system.processes_of(part)
        process = self._numbers.choice(processes) if processes else None
        with self._log.recorded("kill", part):
            if process is not None:
                process.send_signal(signal.SIGKILL)
                await until(lambda: has_ended(process))
            await self.heal()

    async def _kill_runner(self) -> None:
        with self._log.recorded("kill-runner", "runner"):
            children = self._system.children().values()
            self._system.signal(signal.SIGKILL)
            await asyncio.to_thread(self._system.wait)
            await until(lambda: all(map(has_ended, children)))
            await asyncio.to_thread(lambda: self._system.start().ready())

    async def _stall(self) -> None:
        part, seconds = self._numbers.choice(PARTS), self._numbers.uniform(1, 15)
        processes = self._system.processes_of(part)
        if not processes:
            return
        process = self._numbers.choice(processes)
        with self._log.recorded("stall", f"{part} {seconds:.1f} s"):
            process.send_signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                os.kill(process.pid, signal.SIGCONT)

    async def _fill_disk(self) -> None:
        seconds = self._numbers.uniform(2, 12)
        with self._log.recorded("disk", f"full for {seconds:.1f} s"):
            try:
                await asyncio.to_thread(self._disk.fill)
                await asyncio.sleep(seconds)
            finally:
                self._disk.free()
            await asyncio.sleep(_NOTICE_SECONDS)
            await self.heal()

    async def _disturb(self) -> None:
        mode, seconds = self._numbers.choice(MODES), self._numbers.uniform(2, 12)
        with self._log.recorded("network", f"{mode} for {seconds:.1f} s"):
            self._network.mode = mode
            try:
                await asyncio.sleep(seconds)
            finally:
                self._network.mode = "fine"

    async def _silent(self) -> None:
        """Open connections that send nothing, or only the beginning of a request."""
        with self._log.recorded("silent", f"{_SILENT} connections"):
            beginnings = [
                b"",
                b"GET / HT",
                b"POST /service HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
            ]
            await self._hold_connections(_SILENT, [self._numbers.choice(beginnings) for _ in range(_SILENT)])

    async def _slow_readers(self) -> None:
        """Open connections that request long pages and read nothing."""
        with self._log.recorded("slow-readers", f"{_SLOW_READERS} connections"):
            paths = [*await self._long_pages(), "/openapi.json"]
            chosen = [self._numbers.choice(paths) for _ in range(_SLOW_READERS)]
            await self._hold_connections(
                _SLOW_READERS, [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20 for path in chosen]
            )

    async def _long_pages(self) -> list[str]:
        """The paths of long pages of segments; none while the store does not answer."""
        try:
            answer = await self._store.send(0, "GET", "/flows")
        except httpx.HTTPError:
            return []
        flows = answer.json() if answer.status_code == httpx.codes.OK else []
        return [f"/flows/{flow['id']}/segments?limit=1000" for flow in flows]

    async def _hold_connections(self, count: int, sent: list[bytes]) -> None:
        address = urlsplit(self._system.url)
        connections = [socket.socket() for _ in range(count)]
        try:
            for connection, data in zip(connections, sent, strict=True):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.setblocking(True)
                connection.settimeout(2)
                await asyncio.to_thread(_send, connection, (address.hostname, address.port), data)
            await asyncio.sleep(self._numbers.uniform(3, 12))
        finally:
            for connection in connections:
                connection.close()

    async def _dead_webhooks(self) -> None:
        """Register subscribers whose connections are refused, for a while."""
        channel = self._store.channel("dead webhooks", random.Random(self._numbers.random()))
        with socket.socket() as taken:
            # The port is bound and not listening, so connections are refused.
            taken.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{taken.getsockname()[1]}/dead"
            urls = [f"{dead}/{number}" for number in range(_DEAD_WEBHOOKS)]
            with self._log.recorded("dead-webhooks", f"{_DEAD_WEBHOOKS} subscribers"):
                for url in urls:
                    await _post_until_answered(
                        channel.post, "/service/webhooks", {"url": url, "events": ["flows/updated"]}
                    )
                await asyncio.sleep(self._numbers.uniform(5, 15))
                for url in urls:
                    await _post_until_answered(channel.post, "/service/webhooks", {"url": url, "events": []})


async def _post_until_answered(post: Callable[..., Awaitable[object]], path: str, body: object) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            await post(path, json=body)
        except Unknown:
            await asyncio.sleep(0.5)
            continue
        return


def _send(connection: socket.socket, address: tuple[str | None, int | None], data: bytes) -> None:
    try:
        connection.connect(address)
        connection.sendall(data)
    except OSError:
        return
