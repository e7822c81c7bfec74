"""Runs the parts of a store together, and stops them in order."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.output.part_log import Log
from client.local.output.request_log import RequestLog
from client.local.output.terminal import print_status, terminal
from client.local.parts import STOP_ORDER, Part, kind
from client.local.processes.child import Child
from client.local.processes.part_runner import PartRunner

_START_SECONDS: Final = 60.0
# The time between two messages on a part that cannot serve yet.
_MESSAGE_SECONDS: Final = 600.0


class Supervisor:
    """The parts of one store as running children."""

    def __init__(
        self, parts: Sequence[Part], data_dir: DataDir, *, patient: bool = False, quiet: bool = False
    ) -> None:
        """A `patient` supervisor waits for parts that cannot serve yet without a time limit.

        Unless it is `quiet`, it shows requests on a terminal.
        """
        self._patient = patient
        requests = RequestLog(data_dir.logs / "access.log", None if quiet else terminal())
        self._logs = {
            part.name: Log(
                part.name,
                data_dir.logs / f"{part.name}.log",
                requests if part.name == "gateway" else None,
            )
            for part in parts
        }
        self._runners = {
            part.name: PartRunner(part, self._logs[part.name], data_dir.lock, self._probe) for part in parts
        }

    async def run(self, ready: Callable[[], None]) -> None:
        """Run all parts until cancelled, and call `ready` once all can serve.

        CannotRun if a part does not start, or cannot serve after a minute unless this is `patient`.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for runner in self._runners.values():
                    tasks.create_task(runner.run())
                await self._all_serve()
                for log in self._logs.values():
                    log.waiting = False
                ready()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def stop(self) -> None:
        """Stop the parts in STOP_ORDER; `run` must have been cancelled."""
        for group in STOP_ORDER:
            ending = [runner for name, runner in self._runners.items() if kind(name) in group]
            await asyncio.gather(*(runner.stop() for runner in ending))
        for log in self._logs.values():
            log.close()

    def kill(self) -> None:
        """Kill all parts."""
        for runner in self._runners.values():
            runner.kill()

    async def _all_serve(self) -> None:
        probing = asyncio.ensure_future(self._probe(*(runner.part for runner in self._runners.values())))
        seconds = waited = _START_SECONDS
        try:
            while not (await asyncio.wait({probing}, timeout=seconds))[0]:
                message = self._not_ready(waited)
                if not self._patient:
                    raise CannotRun(message)
                print_status(message)
                seconds = _MESSAGE_SECONDS
                waited += seconds
            await probing
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)

    def _not_ready(self, seconds: float) -> str:
        log = next(self._logs[name] for name, runner in self._runners.items() if not runner.served)
        return f"{log.path.stem} is not ready after {seconds:.0f} s: {log.last_message}; see {log.path}"

    async def _probe(self, *parts: Part) -> None:
        """Call `can_serve` of each part once it can; returns after the last."""
        lines: list[str] = []

        def on_line(line: str) -> None:
            lines.append(line)
            if line in self._runners:
                self._runners[line].can_serve()

        targets = [f"{part.name}={part.health}" for part in parts]
        probe = await Child.start(
            (sys.executable, "-P", "-m", "client.local.processes.probe", *targets),
            env=os.environ,
            folder=Path.cwd(),
            on_line=on_line,
        )
        try:
            if await probe.ended():
                reason = lines[-1] if lines else "no reason given"
                raise CannotRun(f"cannot check the health of the store: {reason}")
        finally:
            probe.kill()
