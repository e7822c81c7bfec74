"""Keeps one part running: starts it, and starts it again when it ends."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NoReturn

from client.local.child import Child
from client.local.errors import CannotRun
from client.local.output import Log, say
from client.local.parts import Part

# A part that ends this many times in a row without having been able to serve does not start.
_ATTEMPTS: Final = 3
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 8.0


class Keeper:
    """One part; `probe` waits until it can serve and then calls `can_serve`."""

    def __init__(self, part: Part, log: Log, lock: int, probe: Callable[[Part], Awaitable[None]]) -> None:
        self.part = part
        self.served = False
        self._log = log
        self._lock = lock
        self._probe = probe
        self._child: Child | None = None
        self._restarted = False
        self._failures = 0

    async def run(self) -> NoReturn:
        """Never returns; CannotRun, with what the part said last, when it does not start."""
        while True:
            code = await self._life()
            self._failures = 1 if self.served else self._failures + 1
            if self._failures == _ATTEMPTS:
                raise CannotRun(f"{self.part.name} does not start: {self._log.last_words or _how(code)}")
            say(f"{self.part.name} {_how(code)}; starting it again")
            self._restarted = True
            await asyncio.sleep(min(_FIRST_PAUSE_SECONDS * 2**self._failures, _LONGEST_PAUSE_SECONDS))

    def can_serve(self) -> None:
        """Note that the part can serve."""
        if self._restarted and not self.served:
            say(f"{self.part.name} serves again")
        self.served = True
        self._log.waiting = False

    async def stop(self) -> None:
        """Stop the part; `run` must not be running any more."""
        if self._child:
            await self._child.stop(_STOP_SECONDS)

    def kill(self) -> None:
        """End the part at once."""
        if self._child:
            self._child.kill()

    async def _life(self) -> int:
        self.served = False
        self._log.last_words = ""
        self._log.waiting = True
        self._child = await Child.start(
            self.part.command,
            env=self.part.env,
            folder=self.part.folder,
            hear=self._log.hear,
            inherit=(self._lock,),
        )
        async with self._watched():
            return await self._child.ended()

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Probe the part meanwhile; the first time, all parts are probed together elsewhere."""
        if not self._restarted:
            yield
            return
        probing = asyncio.ensure_future(self._probe(self.part))
        try:
            yield
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"
