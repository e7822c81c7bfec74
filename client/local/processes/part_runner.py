"""Runs one part: starts it, and restarts it when it ends or cannot write since its disk was full."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NoReturn

from client.local.errors import CannotRun
from client.local.output.part_log import Log
from client.local.output.terminal import print_status
from client.local.parts import Part
from client.local.processes.child import Child
from client.local.processes.room import has_room

# A part that ends this many times in a row before it can serve is given up.
_ATTEMPTS: Final = 3
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 8.0
_ROOM_SECONDS: Final = 1.0


class PartRunner:
    """Runs one part; `probe` waits until it can serve and then calls `can_serve`."""

    def __init__(self, part: Part, log: Log, lock: int, probe: Callable[[Part], Awaitable[None]]) -> None:
        self.part = part
        self.served = False
        self._log = log
        self._lock = lock
        self._probe = probe
        self._child: Child | None = None
        self._restarted = False
        self._failures = 0
        self._disk_failed = asyncio.Event()

    async def run(self) -> NoReturn:
        """Run the part until cancelled; CannotRun, with its last message, if it does not start."""
        while True:
            code = await self._run_once()
            self._failures = 1 if self.served else self._failures + 1
            # A part that refuses its first start would refuse the next ones, too.
            if self._failures == _ATTEMPTS or (self._log.refused and not self._restarted):
                raise CannotRun(f"{self.part.name} does not start: {self._log.last_message or _ending(code)}")
            print_status(f"{self.part.name} {_ending(code)}; restarting it")
            self._restarted = True
            await asyncio.sleep(min(_FIRST_PAUSE_SECONDS * 2**self._failures, _LONGEST_PAUSE_SECONDS))

    def can_serve(self) -> None:
        """Note that the part can serve."""
        if self._restarted and not self.served:
            print_status(f"{self.part.name} serves again")
        self.served = True
        # At the first start all parts wait for each other.
        self._log.waiting = not self._restarted

    async def stop(self) -> None:
        """Stop the part; `run` must have ended."""
        if self._child:
            await self._child.stop(_STOP_SECONDS)

    def kill(self) -> None:
        """Kill the part."""
        if self._child:
            self._child.kill()

    async def _run_once(self) -> int:
        self.served = False
        self._log.begin()
        self._disk_failed.clear()
        self._child = await Child.start(
            self.part.command,
            env=self.part.env,
            folder=self.part.folder,
            on_line=self._add_line,
            inherit=(self._lock,),
        )
        # At the first start the supervisor probes all parts together.
        watches: list[Awaitable[None]] = [self._stop_after_disk_failure(self._child)]
        if self._restarted:
            watches.append(self._probe(self.part))
        async with _beside(*watches):
            return await self._child.ended()

    def _add_line(self, line: str) -> None:
        self._log.add_line(line)
        if self.part.is_disk_failure(line):
            self._disk_failed.set()

    async def _stop_after_disk_failure(self, child: Child) -> None:
        await self._disk_failed.wait()
        while not await asyncio.to_thread(has_room, self.part.folder):  # noqa: ASYNC110 - a disk reports nothing
            await asyncio.sleep(_ROOM_SECONDS)
        print_status(f"{self.part.name} could not write while its disk was full; there is room again")
        await child.stop(_STOP_SECONDS)


@asynccontextmanager
async def _beside(*watches: Awaitable[None]) -> AsyncIterator[None]:
    """Run the watches until the block ends."""
    tasks = [asyncio.ensure_future(watch) for watch in watches]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"
