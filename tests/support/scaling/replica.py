"""One process of a deployable, which can be killed, drained, paused and started again on its port."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import psutil

from services.shared.rpc.probe import is_serving
from tests.support.processes.system import READY_SECONDS, poll

STOP_SECONDS = 60


class Replica:
    """A process of `service` at a fixed port. It writes its log to a file.

    `command` runs another command on its host, whose address is `host`. A gateway serves if it says so at the
    path `health`.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        port: int,
        env: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        command: Sequence[str] = (),
        health: str = "/health",
    ) -> None:
        self.name = name
        self.port = port
        self.service = name.partition("-")[0]
        self._address = f"{host}:{port}"
        self._command = command
        self._health = f"http://{host}:{port}{health}"
        prefix = f"TAMS_{self.service.upper()}"
        self._env = {**env, f"{prefix}_HOST": host, f"{prefix}_PORT": str(port)}
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """The output of all its processes until now."""
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        """Start the process. It need not answer yet."""
        module = "gateway" if self.service == "gateway" else f"services.{self.service}"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, sys.executable, "-m", module],
                env=dict(self._env), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self) -> None:
        """End it as a crash does."""
        self._running.kill()
        self._running.wait()

    def drain(self) -> int:
        """End it as an orchestrator does; returns the exit code."""
        self._running.send_signal(signal.SIGTERM)
        return self._running.wait(STOP_SECONDS)

    def pause(self) -> None:
        """Let it hang: its connections stay open, and nothing answers."""
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue."""
        self._running.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Let it end, in any state."""
        if self.runs:
            self.resume()
            self._running.terminate()

    def end(self) -> None:
        """End it in any state, and wait for that."""
        self.stop()
        if self.runs:
            try:
                self._running.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def await_ready(self) -> None:
        """Wait until it says that it serves, as an orchestrator does."""

        def ready() -> bool:
            assert self.runs, self.log[-2000:]
            return self._answers() if self.service == "gateway" else is_serving(self._address)

        poll(ready, READY_SECONDS)

    def is_connected_to(self, other: "Replica") -> bool:
        """Whether it has a connection to another process."""
        connections = psutil.Process(self._running.pid).net_connections("tcp")
        return any(
            one.status == psutil.CONN_ESTABLISHED and one.raddr and one.raddr.port == other.port
            for one in connections
        )

    def _answers(self) -> bool:
        try:
            return httpx.get(self._health, trust_env=False, timeout=10).is_success
        except httpx.TransportError:
            return False

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, f"{self.name} was not started"
        return self._process
