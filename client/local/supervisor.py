"""Runs the parts of a store together, and stops them in order."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from client.local.child import Child
from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.keeper import Keeper
from client.local.output import Log
from client.local.parts import STOP_ORDER, Part

_START_SECONDS: Final = 60.0


class Supervisor:
    """The parts of one store as running children."""

    def __init__(self, parts: Sequence[Part], data_dir: DataDir) -> None:
        self._logs = {part.name: Log(part.name, data_dir.logs / f"{part.name}.log") for part in parts}
        self._keepers = {
            part.name: Keeper(part, self._logs[part.name], data_dir.lock, self._probe) for part in parts
        }

    async def run(self, ready: Callable[[], None]) -> None:
        """Run all parts until cancelled, and call `ready` once all can serve.

        CannotRun when a part does not start, or cannot serve for a minute.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for keeper in self._keepers.values():
                    tasks.create_task(keeper.run())
                await self._all_serve()
                ready()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def stop(self) -> None:
        """Stop the parts, those first that no other needs; `run` must have been cancelled."""
        for group in STOP_ORDER:
            await asyncio.gather(*(self._keepers[name].stop() for name in group))
        for log in self._logs.values():
            log.close()

    def kill(self) -> None:
        """End all parts at once."""
        for keeper in self._keepers.values():
            keeper.kill()

    async def _all_serve(self) -> None:
        parts = [keeper.part for keeper in self._keepers.values()]
        try:
            await asyncio.wait_for(self._probe(*parts), _START_SECONDS)
        except TimeoutError:
            log = next(self._logs[name] for name, keeper in self._keepers.items() if not keeper.served)
            words = (
                f"{log.path.stem} is not ready after {_START_SECONDS:.0f} s: {log.last_words}; see {log.path}"
            )
            raise CannotRun(words) from None

    async def _probe(self, *parts: Part) -> None:
        """Note each of the parts when it can serve; returns when all can."""
        words: list[str] = []

        def hear(line: str) -> None:
            words.append(line)
            if line in self._keepers:
                self._keepers[line].can_serve()

        targets = [f"{part.name}={part.health}" for part in parts]
        probe = await Child.start(
            (sys.executable, "-P", "-m", "client.local.probe", *targets),
            env=os.environ,
            folder=Path.cwd(),
            hear=hear,
        )
        try:
            if await probe.ended():
                raise CannotRun(
                    f"cannot tell whether the store is ready: {words[-1] if words else 'no reason'}"
                )
        finally:
            probe.kill()
