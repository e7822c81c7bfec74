"""How a process of ours starts and stops."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import uvloop

from services.shared import logs, memory
from services.shared.errors import StartupError
from services.shared.settings import ProcessSettings, from_env

S = TypeVar("S", bound=ProcessSettings)


def run(
    name: str,
    settings_type: type[S],
    prefix: str,
    running: Callable[[S], AbstractAsyncContextManager[object]],
) -> None:
    """Serve until SIGTERM or SIGINT, which also end a start still under way.

    A process that cannot start says why in one line, exit code 1.
    """
    try:
        settings = from_env(settings_type, prefix, os.environ)
        memory.keep_freed()
        logs.configure(name, settings.log_level, settings.log_format)
        uvloop.run(_until_told(lambda: running(settings)))
    except StartupError as error:
        sys.exit(f"tams {name}: {error}")


async def _until_told(running: Callable[[], AbstractAsyncContextManager[object]]) -> None:
    told = asyncio.Event()
    starting = asyncio.current_task()

    def stop() -> None:
        if starting is not None and not told.is_set():
            starting.cancel()
        told.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        async with running():
            starting = None
            memory.collect_less()
            await told.wait()
    except asyncio.CancelledError:
        if not told.is_set():
            raise
