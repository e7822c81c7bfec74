"""`tams up`: runs a whole store in the foreground until a signal stops it."""

import asyncio
import os
import shlex
import signal
from collections.abc import Callable, Mapping

from client.local import data_dir, ports, running
from client.local.access import uses_local_issuer
from client.local.data_dir import DataDir
from client.local.names import DEFAULT_DATA_DIR, STORAGE_CONFIG
from client.local.output.terminal import print_result, print_status
from client.local.parts import S3_PORT, address, all_parts, metrics_urls
from client.local.processes.supervisor import Supervisor
from client.local.settings import LocalSettings
from client.local.storage import stored_objects
from client.local.storage.addresses import storage_addresses


def up(
    env: Mapping[str, str] = os.environ, metadata: int = 1, *, auth: bool = False, quiet: bool = False
) -> None:
    """Run a store until SIGINT, SIGTERM or SIGHUP. CannotRun if it does not start.

    With `auth` its callers need credentials. A `quiet` one prints no requests.
    """
    settings = LocalSettings.from_env(env, metadata, auth=auth)
    # For all files of this process and its children.
    os.umask(0o077)
    with data_dir.opened(settings.data_dir, settings.database) as folder:
        with data_dir.usable(settings.data_dir):
            stored_objects.check(folder, elsewhere=settings.has_other_storage)
        chosen = ports.choose(settings.ports, ports.remembered(folder.ports), settings.port_names)
        with data_dir.usable(settings.data_dir):
            ports.remember(folder.ports, chosen)
            parts = all_parts(settings, folder, chosen, env)
            supervisor = Supervisor(parts, folder, patient=settings.on_vast, quiet=quiet)
            urls = metrics_urls(settings, chosen)
            running.write(folder.root, os.getpid(), _api(settings, chosen), urls, env)
        try:
            asyncio.run(_run_until_signal(supervisor, lambda: _ready(settings, chosen, folder)))
        finally:
            running.remove(folder.root)


async def _run_until_signal(supervisor: Supervisor, ready: Callable[[], None]) -> None:
    running = asyncio.ensure_future(supervisor.run(ready))
    _listen(running, supervisor)
    try:
        await running
    except asyncio.CancelledError:
        print_status("stopping; press Ctrl-C again to stop at once")
    finally:
        await supervisor.stop()
    print_status("stopped, data kept")


def _listen(running: "asyncio.Future[None]", supervisor: Supervisor) -> None:
    """Stop the store in order at the first signal, at once at the second."""

    def stop() -> None:
        if not running.cancel():
            supervisor.kill()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGTERM, stop)
    # nohup ignores SIGHUP on purpose.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stop)


def _ready(settings: LocalSettings, chosen: Mapping[str, int], folder: DataDir) -> None:
    stored_objects.remember(folder, elsewhere=settings.has_other_storage)
    api = _api(settings, chosen)
    print_result(f"API        {api}")
    print_result(f"Docs       {api}/docs")
    print_result(f"Objects    {_objects(settings, chosen)}")
    print_result(f"Data       {settings.data_dir}")
    if uses_local_issuer(settings):
        print_result(f"Access     export TAMS_TOKEN=$(tams token --scope admin{_folder_option(settings)})")
    print_result(f"ready {api}")


def _api(settings: LocalSettings, chosen: Mapping[str, int]) -> str:
    return f"{settings.api_scheme}://{address('gateway', settings, chosen)}"


def _objects(settings: LocalSettings, chosen: Mapping[str, int]) -> str:
    """The URL at which clients reach objects, or the file that names it."""
    if settings.has_other_storage:
        return settings.extra["media"][STORAGE_CONFIG]
    return storage_addresses(settings, chosen[S3_PORT]).public


def _folder_option(settings: LocalSettings) -> str:
    is_default = settings.data_dir == DEFAULT_DATA_DIR.absolute()
    return "" if is_default else f" --data-dir {shlex.quote(str(settings.data_dir))}"
