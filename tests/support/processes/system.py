"""The whole system as its users run it: `tams up` in its own process, on free ports."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.support.processes.ports import free_ports

READY_SECONDS = 120
STOP_SECONDS = 90
# The time for which the gateway repeats its last result of asking all parts for their health.
HEALTH_HOLDS_SECONDS = 1.2
PARTS = ("storage", "metadata", "media", "analytics", "events", "gateway")


class System:
    """One runner and its children; `url` is the address of the API."""

    def __init__(
        self,
        data_dir: Path,
        env: Mapping[str, str] | None = None,
        hangup: str = "default",
        arguments: Sequence[str] = (),
    ) -> None:
        (port,) = free_ports(1)
        self.data_dir = data_dir
        # A shell that runs the tests in the background may ignore the signal, so it is set.
        self._hangup = hangup
        self._arguments = arguments
        self.env = {"TAMS_DATA_DIR": str(data_dir), "TAMS_GATEWAY_PORT": str(port), **(env or {})}
        scheme = "https" if "TAMS_GATEWAY_TLS_CERT" in self.env else "http"
        self.url = f"{scheme}://127.0.0.1:{self.env['TAMS_GATEWAY_PORT']}"
        self._process: subprocess.Popen[str] | None = None

    def start(self, errors: int | None = None) -> "System":
        """Start the runner; `ready` waits for it. `errors` is a file for its standard error."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("TAMS_", "OTEL_"))
        }
        folder = self.data_dir.parent
        folder.mkdir(parents=True, exist_ok=True)
        with self._output("out").open("w") as out, self._output("err").open("w") as err:
            self._process = subprocess.Popen(
                [
                    "env",
                    f"--{self._hangup}-signal=HUP",
                    sys.executable,
                    "-m",
                    "client.cli",
                    "up",
                    *self._arguments,
                ],
                env={**inherited, **self.env},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err if errors is None else errors,
                text=True,
                start_new_session=True,
            )
        return self

    def ready(self) -> "System":
        """Wait until the runner reports that all parts can serve."""
        poll(lambda: f"ready {self.url}" in self.output() or self.exit_code is not None, READY_SECONDS)
        if self.exit_code is not None:
            raise AssertionError(f"tams up ended with {self.exit_code}: {self.errors()}")
        return self

    @property
    def pid(self) -> int:
        """The runner's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The runner's exit code, None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def output(self) -> list[str]:
        """The lines the runner wrote to standard output."""
        return self._output("out").read_text().splitlines()

    def errors(self) -> str:
        """The text that the runner wrote to standard error."""
        return self._output("err").read_text()

    def children(self) -> dict[str, psutil.Process]:
        """The parts that run now, by name."""
        found = {}
        for process in psutil.Process(self.pid).children():
            try:
                found[_name(process.cmdline())] = process
            except psutil.NoSuchProcess:
                continue
        return {name: process for name, process in found.items() if name in PARTS}

    def processes_of(self, name: str) -> list[psutil.Process]:
        """All processes of a part."""
        found = []
        for process in psutil.Process(self.pid).children():
            try:
                if _name(process.cmdline()) == name:
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def kill(self, name: str) -> None:
        """Kill a part with SIGKILL. The runner starts it again; `healthy` waits for that."""
        process = self.children()[name]
        process.send_signal(signal.SIGKILL)
        poll(lambda: has_ended(process), READY_SECONDS)

    def healthy(self) -> None:
        """Wait until every part runs, and the gateway has checked their health after this call."""
        since = time.monotonic()

        def is_healthy() -> bool:
            found = len(self.children()) == len(PARTS) and self._gateway_is_healthy()
            return found and time.monotonic() - since > HEALTH_HOLDS_SECONDS

        poll(is_healthy, READY_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Send the runner a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """The runner's exit code once it ended."""
        assert self._process is not None
        return self._process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """Stop the runner as Ctrl-C does, and return its exit code."""
        self.signal(signal.SIGINT)
        return self.wait()

    def abandon(self) -> None:
        """End the runner in any state; its children end with it."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _gateway_is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _output(self, kind: str) -> Path:
        return self.data_dir.parent / f"{self.data_dir.name}.{kind}"


@contextmanager
def running_system(data_dir: Path, env: Mapping[str, str] | None = None) -> Iterator[System]:
    """A system that is ready for requests; it is stopped at the end and its data stays."""
    system = System(data_dir, env)
    try:
        yield system.start().ready()
    finally:
        system.abandon()


def has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended, even if its parent has not waited for it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def poll(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition. AssertionError if it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def _name(command: list[str]) -> str:
    if command and Path(command[0]).name == "weed":
        return "storage"
    module = command[command.index("-m") + 1] if "-m" in command else ""
    return module.removeprefix("services.")
