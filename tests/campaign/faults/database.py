"""The tables of a run on VAST: the protocol server, and its faults."""

import asyncio
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from simulators.vast.endpoints.faults import Fault
from simulators.vast.server import Server
from tests.campaign.fault_log import FaultLog
from tests.support.vast.clusters import KEYS, address_of, vast_server
from tests.support.vast.fault_cells import ENDPOINTS, KINDS, OPERATIONS, Cell

# Much longer than any request may take, so that a transaction that no process ends makes writes fail.
_IDLE_SECONDS: Final = 300.0
_SHORTEST, _LONGEST = 0.3, 12.0


@contextmanager
def running_database() -> Iterator[Server]:
    """A cluster of three endpoints, which ends with the block."""
    with vast_server(endpoints=ENDPOINTS, idle_seconds=_IDLE_SECONDS) as server:
        yield server


def settings(server: Server) -> Mapping[str, str]:
    """The environment for tables on a server."""
    address = address_of(server.urls)
    hosts = ",".join(url.removeprefix("http://") for url in address.endpoints)
    return {
        "TAMS_STORE_URL": f"vast://{hosts}/{address.bucket}/{address.schema}?tls=false",
        "TAMS_VAST_ACCESS_KEY": KEYS.access_key,
        "TAMS_VAST_SECRET_KEY": KEYS.secret_key,
    }


class DatabaseFaults:
    """Faults of a cluster. Each method lasts as long as its fault, and leaves the cluster healthy."""

    def __init__(self, server: Server, numbers: random.Random, log: FaultLog) -> None:
        self._server = server
        self._numbers = numbers
        self._log = log

    async def some_endpoints(self) -> None:
        """A fault of one or two of three endpoints, which no client may notice."""
        await self._inject("endpoints", self._numbers.choice([1, 2]))

    async def all_endpoints(self) -> None:
        """A fault of the whole cluster."""
        await self._inject("database", ENDPOINTS)

    async def lost_commits(self) -> None:
        """The loss of the replies to half of all commits, which no client may notice."""
        seconds = self._seconds()
        with self._log.recorded("lost-commits", f"{seconds:.1f} s"):
            fault = _HalfOfRequests(
                self._numbers, operations=("commit",), lose_reply=True, times=None, seconds=seconds
            )
            self._server.add_fault(fault)
            await self._wait(seconds)

    async def restart(self) -> None:
        """A restart of the cluster, which drops open transactions."""
        with self._log.recorded("database", "restart"):
            await asyncio.to_thread(self._server.restart)

    async def _inject(self, kind: str, endpoints: int) -> None:
        operation = self._numbers.choice(["", "", *OPERATIONS])
        cell = Cell(self._numbers.choice(list(KINDS)), operation, endpoints, self._seconds())
        chosen = self._numbers.sample(self._server.endpoints, endpoints)
        with self._log.recorded(kind, str(cell)):
            for endpoint, fault in zip(chosen, cell.faults(), strict=True):
                endpoint.faults.add(fault)
            await self._wait(cell.seconds)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            self._server.clear_faults()
            await asyncio.to_thread(self._server.start)

    def _seconds(self) -> float:
        """A duration, mostly a short one, as mistakes show when a fault begins or ends."""
        return _SHORTEST + (_LONGEST - _SHORTEST) * self._numbers.random() ** 3


class _HalfOfRequests(Fault):
    """A fault of half of the requests of its operations."""

    def __init__(self, numbers: random.Random, **members: object) -> None:
        super().__init__(**members)  # type: ignore[arg-type]
        self._numbers = numbers

    def takes(self, operation: str) -> bool:
        return super().takes(operation) and self._numbers.random() < 0.5
