"""A VAST server for benchmarks, and the floor: the SDK used as in its documentation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import ibis
import pyarrow as pa
import vastdb

from bench.running import processes
from bench.running.processes import Process
from services.vast_client.cluster import Cluster
from services.vast_client.connections.address import VastAddress
from services.vast_client.connections.credentials import Credentials
from tests.support.processes.ports import free_ports

BUCKET: Final = "vastdb"
SCHEMA: Final = "tams"
_KEYS: Final = Credentials("bench", "bench")


@contextmanager
def running_vast(
    folder: Path, endpoints: int = 2, *, delay: float = 0
) -> Iterator[tuple[VastAddress, Process]]:
    """The protocol server of the tests in a process of its own: its address, and the process.

    Each request takes `delay` seconds longer.
    """
    ports = free_ports(endpoints)
    key = folder / "vast.key"
    key.write_text(_KEYS.access_key)
    options = ["--access-key-file", str(key), "--secret-key-file", str(key), "--bucket", BUCKET]
    options += ["--delay", str(delay)]
    for port in ports:
        options += ["--port", str(port)]
    with processes.running("vast", ports[-1], ["simulators.vast", *options], folder) as process:
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield VastAddress.parse(f"vast://{hosts}/{BUCKET}/{SCHEMA}?tls=false"), process


def environment(address: VastAddress) -> dict[str, str]:
    """The settings with which a service uses the server."""
    hosts = ",".join(url.removeprefix("http://") for url in address.endpoints)
    return {
        "TAMS_STORE_URL": f"vast://{hosts}/{address.bucket}/{address.schema}?tls=false",
        "TAMS_VAST_ACCESS_KEY": _KEYS.access_key,
        "TAMS_VAST_SECRET_KEY": _KEYS.secret_key,
    }


def cluster(address: VastAddress) -> Cluster:
    """The client of the services for the server."""
    return Cluster(address, _KEYS)


class Naive:
    """The SDK used as in its documentation: a transaction, a bucket, a schema and a table for each step."""

    def __init__(self, address: VastAddress) -> None:
        self._session = vastdb.connect(
            endpoint=address.endpoints[0], access=_KEYS.access_key, secret=_KEYS.secret_key
        )

    def read_flow(self, flow_id: str) -> dict[str, Any]:
        """The row of a flow."""
        with self._session.transaction() as tx:
            return self._one(tx, "flows", ibis._.id == flow_id)

    def write_segment(self, flow_id: str, segment: pa.RecordBatch, media: pa.RecordBatch) -> None:
        """Insert a segment of a flow with its object, unless it overlaps a segment."""
        with self._session.transaction() as tx:
            flow = self._one(tx, "flows", ibis._.id == flow_id)
            start = segment["start_ns"][0].as_py()
            end = segment["end_ns"][0].as_py()
            overlapping = (
                (ibis._.flow == flow["timeline"]) & (ibis._.start_ns < end) & (ibis._.end_ns > start)
            )
            segments = self._table(tx, "segments")
            if segments.select(["start_ns"], overlapping).read_all().num_rows:
                raise RuntimeError("a segment overlaps")
            segments.insert(segment)
            self._table(tx, "objects").insert(media)

    def insert(self, table: str, batches: Sequence[pa.RecordBatch]) -> None:
        """Insert batches of rows, each in a transaction."""
        for batch in batches:
            with self._session.transaction() as tx:
                self._table(tx, table).insert(batch)

    def _one(self, tx: Any, table: str, predicate: Any) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self._table(tx, table).select(predicate=predicate).read_all().to_pylist()
        return rows[0]

    @staticmethod
    def _table(tx: Any, name: str) -> Any:
        return tx.bucket(BUCKET).schema(SCHEMA).table(name)
