"""One child process: it ends with its parent, and its output is read line by line."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

LineHandler = Callable[[str], None]

# A longer line is split.
_LINE_BYTES: Final = 64 * 1024
# The child runs this before the command: the kernel will kill it when its parent ends for any reason
# (prctl(2), PR_SET_PDEATHSIG). It does not run between fork and exec, because a parent with threads can
# leave locks there that are never released.
_END_WITH_PARENT: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Child:
    """A running process; `Child.start` makes one."""

    def __init__(self, process: asyncio.subprocess.Process, on_line: LineHandler) -> None:
        self._process = process
        self._reading = asyncio.create_task(_read(process.stdout, on_line))

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        on_line: LineHandler,
        inherit: Sequence[int] = (),
    ) -> "Child":
        """Start the command in a new session, so the terminal's Ctrl-C does not reach it."""
        process = await asyncio.create_subprocess_exec(
            *_with_parent(command),
            env=env,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherit,
        )
        return cls(process, on_line)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for the end and the last output; the exit code, negative for a signal."""
        code = await self._process.wait()
        # Processes that the child started may still hold its output open.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), 1)
        return code

    async def stop(self, seconds: float) -> None:
        """Send SIGTERM, then SIGKILL if it has not ended within `seconds`."""
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


def _with_parent(command: Sequence[str]) -> list[str]:
    """The command, as a child that ends with this process."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _END_WITH_PARENT, str(os.getpid()), *command]


async def _read(stream: asyncio.StreamReader | None, on_line: LineHandler) -> None:
    partial = b""
    while stream and (data := await stream.read(_LINE_BYTES)):
        *lines, partial = (partial + data).split(b"\n")
        if len(partial) >= _LINE_BYTES:
            lines, partial = [*lines, partial], b""
        for line in lines:
            on_line(line.decode(errors="replace").rstrip())
    if partial:
        on_line(partial.decode(errors="replace").rstrip())
