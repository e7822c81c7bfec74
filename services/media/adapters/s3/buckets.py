"""The buckets of all backends, with a client for each kind of work, so that none waits behind another."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple, Protocol, TypeVar

from services.media.adapters.s3.copies import S3Copies
from services.media.adapters.s3.heads import S3Heads
from services.media.adapters.s3.keys import S3Keys
from services.media.adapters.s3.multipart import S3MultipartUploads
from services.media.adapters.s3.storage import S3Storage
from services.media.domain.circuit import Circuit
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.shared.telemetry.metrics import Metrics

# Each holds a part of an object in memory, of 8 to 64 MiB.
CONCURRENT_COPIES: Final = 4


class S3Buckets(NamedTuple):
    """The clients of each backend by its id."""

    storages: Mapping[str, S3Storage]
    multipart: Mapping[str, S3MultipartUploads]
    copies: Mapping[str, S3Copies]
    heads: Mapping[str, S3Heads]
    keys: Mapping[str, S3Keys]


class _Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


@contextmanager
def open_buckets(
    backends: StorageBackends, circuits: Mapping[str, Circuit], threads: int, metrics: Metrics
) -> Iterator[S3Buckets]:
    """The clients of all backends, closed at the end; `threads` is the most requests for objects at once."""
    with ExitStack() as stack:

        def by_id(open_client: Callable[[StorageBackend, Circuit], C]) -> dict[str, C]:
            clients = {backend.id: open_client(backend, circuits[backend.id]) for backend in backends}
            for client in clients.values():
                stack.callback(client.close)
            return clients

        yield S3Buckets(
            storages=by_id(lambda backend, circuit: S3Storage(backend, threads, metrics, circuit=circuit)),
            multipart=by_id(lambda backend, circuit: S3MultipartUploads(backend, metrics, circuit=circuit)),
            copies=by_id(
                lambda backend, circuit: S3Copies(backend, CONCURRENT_COPIES, metrics, circuit=circuit)
            ),
            heads=by_id(lambda backend, circuit: S3Heads(backend, metrics, circuit=circuit)),
            keys=by_id(lambda backend, circuit: S3Keys(backend, metrics, circuit=circuit)),
        )
