"""Starts and stops the process of a deployable."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Final, TypeVar

import uvloop

from services.shared.errors import StartupError
from services.shared.process import logs, memory
from services.shared.process.settings import ProcessSettings, from_env

_log = logging.getLogger(__name__)
# Name and value of an environment variable.
GRPC_ENGINE: Final = ("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
S = TypeVar("S", bound=ProcessSettings)


def start(name: str, package: str) -> None:
    """Run the deployable `name` in a package: its `bootstrap.running` with its `settings.Settings`."""
    choose_grpc_engine()
    settings, bootstrap = (import_module(f"{package}.{module}") for module in ("settings", "bootstrap"))
    run(name, settings.Settings, settings.PREFIX, bootstrap.running)


def choose_grpc_engine() -> None:
    """Turn off the event engine of gRPC, unless the environment sets it.

    With it, each message wakes one more thread, and a short call takes 25 % more CPU. Call this before gRPC
    is imported, because it reads the environment then.
    """
    os.environ.setdefault(*GRPC_ENGINE)


def run(
    name: str,
    settings_type: type[S],
    prefix: str,
    running: Callable[[S], AbstractAsyncContextManager[object]],
) -> None:
    """Serve until SIGTERM or SIGINT, which also end a start that is in progress.

    If the process cannot start, it writes one line with the reason; if it fails later, it logs the error.
    Both end with exit code 1.
    """
    try:
        settings = from_env(settings_type, prefix, os.environ)
        memory.tune_allocator()
        logs.configure(name, settings.log_level, settings.log_format, settings.log_levels)
        uvloop.run(_until_signal(lambda: running(settings)))
    except StartupError as error:
        sys.exit(f"tams {name}: {error}")
    except Exception:  # noqa: BLE001 - the last resort: log it in the configured format
        _log.critical("the process ends because a part of it failed", exc_info=True)
        sys.exit(1)


async def _until_signal(running: Callable[[], AbstractAsyncContextManager[object]]) -> None:
    stop_requested = asyncio.Event()
    starting = asyncio.current_task()

    def stop() -> None:
        if starting is not None and not stop_requested.is_set():
            starting.cancel()
        stop_requested.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        async with running():
            starting = None
            memory.tune_collector()
            await stop_requested.wait()
    except asyncio.CancelledError:
        if not stop_requested.is_set():
            raise
