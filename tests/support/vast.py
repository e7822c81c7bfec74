"""VAST clusters for tests: the protocol server, and what connects to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from services.metadata.adapters.vast.schema import COLUMNS
from services.shared.vast.address import VastAddress
from services.shared.vast.cluster import Cluster
from services.shared.vast.credentials import Credentials
from services.shared.vast.filters import EVERYTHING
from services.shared.vast.plans import Kind
from tests.vast.server import Options, Server, running_server

KEYS = Credentials("access", "secret")


@contextmanager
def vast_server(endpoints: int = 2, **options: Any) -> Iterator[Server]:
    secrets = {KEYS.access_key: KEYS.secret_key}
    with running_server(Options(ports=(0,) * endpoints, secrets=secrets, **options)) as server:
        yield server


def address_of(urls: Sequence[str], schema: str = "tams") -> VastAddress:
    hosts = ",".join(url.removeprefix("http://") for url in urls)
    return VastAddress.parse(f"vast://{hosts}/vastdb/{schema}?tls=false")


@contextmanager
def vast_cluster() -> Iterator[Cluster]:
    with vast_server() as server:
        yield Cluster(address_of(server.urls), KEYS)


def _with_statistics(row: dict[str, Any]) -> bool:
    return row["updated"] is not None


def vast_rows(cluster: Cluster, table: str) -> list[dict[str, Any]]:
    if table == "flow_stats":  # in the flow's own row, or apart once the flow is gone
        return [*filter(_with_statistics, vast_rows(cluster, "flows")), *vast_rows(cluster, "timelines")]

    def read(transaction: Any) -> Any:
        return transaction.select(table, COLUMNS[table], EVERYTHING, kind=Kind.SCAN)

    return cluster.run(read).to_pylist()
