"""A store in which each part has several processes, behind Envoy and beside it.

Two gateways stand behind Envoy and reach the services through it. A third balances over the services by
itself, and so does one of the two processes of events. So each fault meets both ways at once.
"""

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simulators.vast.server import Server
from tests.support.processes.ports import free_ports
from tests.support.processes.system import READY_SECONDS, poll
from tests.support.scaling.envoy import Envoy, running_envoy
from tests.support.scaling.replica import Replica
from tests.support.services.replicas import address_of_all, settings_of
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config
from tests.support.vast.clusters import vast_server

SERVICES = ("metadata", "media", "analytics", "events")
# The third of metadata is not started; it is there to be added.
REPLICAS = {"metadata": 3, "media": 2, "analytics": 2, "events": 2, "gateway": 3}
_SPARE = "metadata-3"
# This gateway is not behind Envoy.
_DIRECT = "gateway-3"
_BALANCING_THEMSELVES = frozenset({_DIRECT, "events-2"})


@dataclass
class ScaledStore:
    """The replicas by name, such as metadata-1, the proxy and the database of the tables."""

    envoy: Envoy
    database: Server
    replicas: Mapping[str, Replica]

    @property
    def fronts(self) -> dict[str, str]:
        """The address of the API through Envoy, and of the gateway that balances by itself."""
        direct = self.replicas[_DIRECT].port
        return {"envoy": self.envoy.url, "direct": f"http://127.0.0.1:{direct}"}

    def of(self, service: str) -> list[Replica]:
        """The replicas of a service that Envoy knows."""
        return [self.replicas[name] for name in _known(self.replicas) if name.startswith(f"{service}-")]

    def await_health(self) -> None:
        """Wait until all replicas serve, and Envoy and the gateway beside it reach each of them."""
        for service in (*SERVICES, "gateway"):
            for replica in self.of(service):
                replica.await_ready()
            poll(partial(self._envoy_reaches_all, service), READY_SECONDS)
        direct = self.replicas[_DIRECT]
        direct.await_ready()
        for service in SERVICES:
            for replica in self.of(service):
                poll(partial(direct.is_connected_to, replica), READY_SECONDS)

    def _envoy_reaches_all(self, service: str) -> bool:
        return self.envoy.healthy(service) == {replica.port for replica in self.of(service)}

    def restore(self) -> None:
        """Bring every replica back that a test has ended or paused, and end the spare one."""
        self.replicas[_SPARE].end()
        self.envoy.point("metadata", [replica.port for replica in self.of("metadata")])
        for name in (*_known(self.replicas), _DIRECT):
            replica = self.replicas[name]
            if replica.runs:
                replica.resume()
            else:
                replica.start()
        self.await_health()


@contextmanager
def running_scaled_store(folder: Path, objects: SeaweedFS) -> Iterator[ScaledStore]:
    """A store whose parts all serve."""
    names = [f"{service}-{number + 1}" for service, count in REPLICAS.items() for number in range(count)]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    endpoints = {
        service: [ports[name] for name in _known(ports) if name.startswith(f"{service}-")]
        for service in REPLICAS
    }
    with ExitStack() as stack:
        server = stack.enter_context(vast_server(with_store=True))
        envoy = stack.enter_context(running_envoy(folder / "envoy", endpoints, "files"))
        env = _environment(folder, objects, server)
        replicas = {
            name: Replica(folder, name, port, {**env, **_addresses(name, envoy, ports)})
            for name, port in ports.items()
        }
        store = ScaledStore(envoy, server, replicas)
        stack.callback(_end, replicas.values())
        store.restore()
        yield store


def _end(replicas: Iterable[Replica]) -> None:
    for replica in replicas:
        replica.stop()
    for replica in replicas:
        replica.end()


def _known(names: Mapping[str, object]) -> list[str]:
    return [name for name in names if name not in {_SPARE, _DIRECT}]


def _environment(folder: Path, objects: SeaweedFS, server: Server) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")}
    bucket = objects.backend(f"tams-{secrets.token_hex(6)}", region="here")
    return {
        **inherited,
        **{f"TAMS_{name.upper()}": str(value) for name, value in settings_of(server).items()},
        "TAMS_METADATA_VAST_JOURNAL_DIR": str(folder / "transactions"),
        "TAMS_MEDIA_STORAGE_CONFIG": str(write_storage_config(folder / "storage.json", bucket)),
        "TAMS_WEBHOOK_NETWORKS": "127.0.0.0/8",
        # Longer than Envoy needs to notice that a gateway stops. The services have the default.
        "TAMS_GATEWAY_DRAIN_SECONDS": "2.5",
        # A busy machine is no crash: a process that is slow for a while keeps its subscribers.
        "TAMS_EVENTS_LEASE_SECONDS": "60",
        "TAMS_GATEWAY_TRUST_FORWARDED": "true",
        "TAMS_GATEWAY_FORWARDED_HEADER": "x-forwarded",
    }


def _addresses(name: str, envoy: Envoy, ports: Mapping[str, int]) -> dict[str, str]:
    """The addresses of the services for a process: Envoy's, or those of all replicas."""
    part = name.partition("-")[0].upper()
    addresses = {}
    for service in SERVICES:
        of_all = address_of_all([port for peer, port in ports.items() if peer.startswith(f"{service}-")])
        address = of_all if name in _BALANCING_THEMSELVES else envoy.address(service)
        addresses[f"TAMS_{part}_{service.upper()}_ADDRESS"] = address
    return {key: value for key, value in addresses.items() if key in _KNOWN_SETTINGS}


_KNOWN_SETTINGS = {
    *(f"TAMS_GATEWAY_{service.upper()}_ADDRESS" for service in SERVICES),
    *(f"TAMS_EVENTS_{service}_ADDRESS" for service in ("METADATA", "MEDIA")),
    "TAMS_MEDIA_METADATA_ADDRESS",
    "TAMS_ANALYTICS_METADATA_ADDRESS",
}
