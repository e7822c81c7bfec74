"""One child process: it ends with its parent, and what it writes is read line by line."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

Heard = Callable[[str], None]

# A longer line is heard in pieces.
_LINE_BYTES: Final = 64 * 1024
# What a child does before it becomes the command: have the kernel kill it when its parent is gone, however
# that ends (prctl(2), PR_SET_PDEATHSIG). Not done between fork and exec, where a parent with threads can
# leave locks behind that nobody will release.
_TIE: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Child:
    """A running process; `Child.start` makes one."""

    def __init__(self, process: asyncio.subprocess.Process, hear: Heard) -> None:
        self._process = process
        self._reading = asyncio.create_task(_read(process.stdout, hear))

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        hear: Heard,
        inherit: Sequence[int] = (),
    ) -> "Child":
        """Start the command in a session of its own, where the terminal's Ctrl-C does not reach it."""
        process = await asyncio.create_subprocess_exec(
            *_tied(command),
            env=env,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherit,
        )
        return cls(process, hear)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ended(self) -> int:
        """The exit code, negative for a signal, once it ended and all it wrote was heard."""
        code = await self._process.wait()
        # What it started itself may still hold its output open.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), 1)
        return code

    async def stop(self, seconds: float) -> None:
        """Ask it to end, and make it when it has not done so in time."""
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


def _tied(command: Sequence[str]) -> list[str]:
    """The command, as a child that ends with this process."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *command]


async def _read(stream: asyncio.StreamReader | None, hear: Heard) -> None:
    rest = b""
    while stream and (data := await stream.read(_LINE_BYTES)):
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) >= _LINE_BYTES:
            lines, rest = [*lines, rest], b""
        for line in lines:
            hear(line.decode(errors="replace").rstrip())
    if rest:
        hear(rest.decode(errors="replace").rstrip())
