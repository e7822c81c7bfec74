"""Stores whose processes have a host each."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from simulators.vast.server import Server
from tests.support.network.hosts import Host, running_network
from tests.support.scaling.replica import Replica
from tests.support.services.replicas import settings_of
from tests.support.storage.seaweedfs import running_seaweedfs, write_storage_config
from tests.support.vast.clusters import vast_server

PORTS = {"metadata": 8101, "media": 8102, "events": 8104, "gateway": 8000}


@dataclass(frozen=True)
class SpreadStore:
    """The processes and their hosts by name, such as metadata-1. `address` is that of this process."""

    address: str
    hosts: Mapping[str, Host]
    replicas: Mapping[str, Replica]

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://{self.hosts['gateway'].address}:{PORTS['gateway']}"


@contextmanager
def running_vast_store(folder: Path) -> Iterator[SpreadStore]:
    """Two processes of metadata on VAST tables, and one of media, events and the gateway.

    The database and object storage are on the host of this process.
    """
    names = ("metadata-1", "metadata-2", "media", "events", "gateway")
    with ExitStack() as stack:
        network = stack.enter_context(running_network(len(names)))
        hosts = dict(zip(names, network.hosts, strict=True))
        database = vast_server(with_store=True, host=network.address, vips=(network.address,))
        server = stack.enter_context(database)
        objects = stack.enter_context(running_seaweedfs(folder / "objects", host=network.address))
        bucket = objects.backend(f"tams-{secrets.token_hex(6)}", region="here")
        env = {
            **_tables(server),
            "TAMS_METADATA_VAST_JOURNAL_DIR": str(folder / "transactions"),
            "TAMS_MEDIA_STORAGE_CONFIG": str(write_storage_config(folder / "storage.json", bucket)),
            "TAMS_WEBHOOK_NETWORKS": network.block,
        }
        yield stack.enter_context(_running(folder, network.address, hosts, env))


@contextmanager
def running_sqlite_store(folder: Path) -> Iterator[SpreadStore]:
    """Metadata on SQLite, and a gateway."""
    names = ("metadata", "gateway")
    with running_network(len(names)) as network:
        hosts = dict(zip(names, network.hosts, strict=True))
        env = {"TAMS_STORE_URL": f"sqlite:///{folder}/tams.db"}
        with _running(folder, network.address, hosts, env) as store:
            yield store


def _tables(server: Server) -> dict[str, str]:
    return {f"TAMS_{name.upper()}": str(value) for name, value in settings_of(server).items()}


@contextmanager
def _running(
    folder: Path, address: str, hosts: Mapping[str, Host], env: Mapping[str, str]
) -> Iterator[SpreadStore]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")}
    # Nobody else reaches the network.
    env = {**inherited, **env, **_addresses(hosts), "TAMS_GATEWAY_UNPROTECTED": "true"}
    replicas = {
        name: Replica(
            folder, name, _port(name), env, host=host.address, command=host.command, health="/ready"
        )
        for name, host in hosts.items()
    }
    try:
        for replica in replicas.values():
            replica.start()
        for replica in replicas.values():
            replica.await_ready()
        yield SpreadStore(address, hosts, replicas)
    finally:
        for replica in replicas.values():
            replica.stop()
        for replica in replicas.values():
            replica.end()


def _addresses(hosts: Mapping[str, Host]) -> dict[str, str]:
    """The addresses of the services for those that call them."""
    found: dict[str, list[str]] = {}
    for name, host in hosts.items():
        service = name.partition("-")[0]
        found.setdefault(service, []).append(f"{host.address}:{_port(name)}")
    targets = {service: f"ipv4:{','.join(of_all)}" for service, of_all in found.items()}
    callers = {
        "GATEWAY": ("metadata", "media", "events"),
        "EVENTS": ("metadata", "media"),
        "MEDIA": ("metadata",),
    }
    return {
        f"TAMS_{caller}_{service.upper()}_ADDRESS": targets[service]
        for caller, services in callers.items()
        for service in services
        if service in targets
    }


def _port(name: str) -> int:
    return PORTS[name.partition("-")[0]]
