"""Reads the first bytes of objects, with boto3 in a few threads of its own."""

from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from services.media.adapters.s3.faults import code_of
from services.media.adapters.s3.requests import S3Requests
from services.media.application.ports import Head
from services.media.domain.circuit import Circuit
from services.media.domain.storage_backend import StorageBackend
from services.shared.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THREADS: Final = 8
_MISSING: Final = {"404", "NoSuchKey", "NotFound"}
# The range is outside an object of no bytes.
_EMPTY: Final = {"416", "InvalidRange"}


class S3Heads:
    """The heads of the objects in the bucket of one backend. Each call makes one attempt."""

    def __init__(
        self, backend: StorageBackend, metrics: Metrics | None = None, *, circuit: Circuit | None = None
    ) -> None:
        self._bucket = backend.bucket
        self._requests = S3Requests(backend, _THREADS, metrics, circuit=circuit)

    async def read(self, path: str, length: int) -> Head | None:
        """The first `length` bytes of an object, fewer if it is shorter; None if it does not exist.

        Raises Unavailable.
        """

        def request(client: "S3Client") -> Head | None:
            try:
                reply = client.get_object(Bucket=self._bucket, Key=path, Range=f"bytes=0-{length - 1}")
            except ClientError as error:
                if code_of(error) in _EMPTY:
                    return Head(b"", 0)
                if code_of(error) in _MISSING:
                    return None
                raise
            with reply["Body"] as body:
                content = body.read(length)
            return Head(content, int(reply.get("ContentRange", "").rpartition("/")[2] or len(content)))

        return await self._requests.run(request)

    def close(self) -> None:
        """Cancel calls that have not started; those in flight end within their timeouts."""
        self._requests.close()
