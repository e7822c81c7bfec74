"""A VAST server for benchmarks, and the SDK used on it as its documentation shows: the floor."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import ibis
import pyarrow as pa
import vastdb

from bench import processes
from bench.processes import Process
from services.shared.vast.address import VastAddress
from services.shared.vast.cluster import Cluster
from services.shared.vast.credentials import Credentials
from tests.support.ports import free_ports

BUCKET: Final = "vastdb"
SCHEMA: Final = "tams"
_KEYS: Final = Credentials("bench", "bench")


@contextmanager
def running_vast(folder: Path, endpoints: int = 2) -> Iterator[tuple[VastAddress, Process]]:
    """The protocol server of the tests, in a process of its own: where it is, and the process."""
    ports = free_ports(endpoints)
    key = folder / "vast.key"
    key.write_text(_KEYS.access_key)
    options = ["--access-key-file", str(key), "--secret-key-file", str(key), "--bucket", BUCKET]
    for port in ports:
        options += ["--port", str(port)]
    with processes.running("vast", ports[-1], ["tests.vast.server", *options], folder) as process:
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield VastAddress.parse(f"vast://{hosts}/{BUCKET}/{SCHEMA}?tls=false"), process


def environment(address: VastAddress) -> dict[str, str]:
    """What a service is told to use the server."""
    hosts = ",".join(url.removeprefix("http://") for url in address.endpoints)
    return {
        "TAMS_STORE_URL": f"vast://{hosts}/{address.bucket}/{address.schema}?tls=false",
        "TAMS_VAST_ACCESS_KEY": _KEYS.access_key,
        "TAMS_VAST_SECRET_KEY": _KEYS.secret_key,
    }


def cluster(address: VastAddress) -> Cluster:
    """The server as the services use it."""
    return Cluster(address, _KEYS)


class Naive:
    """The SDK as its documentation shows it: a transaction, a bucket, a schema, a table for each step."""

    def __init__(self, address: VastAddress) -> None:
        self._session = vastdb.connect(
            endpoint=address.endpoints[0], access=_KEYS.access_key, secret=_KEYS.secret_key
        )

    def read_flow(self, flow_id: str) -> dict[str, Any]:
        """One row of flows."""
        with self._session.transaction() as tx:
            return self._one(tx, "flows", ibis._.id == flow_id)

    def write_segment(self, flow_id: str, segment: pa.RecordBatch, media: pa.RecordBatch) -> None:
        """One segment of a flow with its object, after a look at what is there."""
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
        """Batches of rows, in a transaction each."""
        for batch in batches:
            with self._session.transaction() as tx:
                self._table(tx, table).insert(batch)

    def _one(self, tx: Any, table: str, predicate: Any) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self._table(tx, table).select(predicate=predicate).read_all().to_pylist()
        return rows[0]

    @staticmethod
    def _table(tx: Any, name: str) -> Any:
        return tx.bucket(BUCKET).schema(SCHEMA).table(name)
