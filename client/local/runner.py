"""`tams up`: runs a whole store in the foreground until it is told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping

from client.local import data_dir, ports
from client.local.output import announce, say
from client.local.parts import address, all_parts
from client.local.settings import LocalSettings
from client.local.supervisor import Supervisor


def up(env: Mapping[str, str] = os.environ) -> None:
    """Run a store until SIGINT, SIGTERM or SIGHUP. CannotRun where it does not start."""
    settings = LocalSettings.from_env(env)
    with data_dir.opened(settings.data_dir) as folder:
        chosen = ports.choose(settings.ports, ports.remembered(folder.ports))
        with data_dir.usable(settings.data_dir):
            ports.remember(folder.ports, chosen)
            supervisor = Supervisor(all_parts(settings, folder, chosen, env), folder)
        asyncio.run(_until_told(supervisor, lambda: _tell(settings, chosen)))


async def _until_told(supervisor: Supervisor, ready: Callable[[], None]) -> None:
    running = asyncio.ensure_future(supervisor.run(ready))
    _listen(running, supervisor)
    try:
        await running
    except asyncio.CancelledError:
        say("stopping; press Ctrl-C again to stop at once")
    finally:
        await supervisor.stop()
    say("stopped, data kept")


def _listen(running: "asyncio.Future[None]", supervisor: Supervisor) -> None:
    """The first signal stops the store in order, a second one at once."""

    def told() -> None:
        if not running.cancel():
            supervisor.kill()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, told)
    loop.add_signal_handler(signal.SIGTERM, told)
    # nohup has it ignored, and means it.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, told)


def _tell(settings: LocalSettings, chosen: Mapping[str, int]) -> None:
    api = f"http://{address('gateway', settings, chosen)}"
    announce(f"API        {api}")
    announce(f"Docs       {api}/docs")
    announce(f"Objects    http://127.0.0.1:{chosen['TAMS_S3_PORT']}")
    announce(f"Data       {settings.data_dir}")
    announce(f"ready {api}")
