"""Lists the keys of a bucket page by page."""

from functools import partial
from typing import TYPE_CHECKING, Final

from services.media.adapters.s3.access import is_access_object
from services.media.adapters.s3.requests import S3Requests
from services.media.domain.circuit import Circuit
from services.media.domain.reconciliation import StoredKey
from services.media.domain.storage_backend import StorageBackend
from services.shared.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAGE: Final = 1000


class S3Keys:
    """The keys of the bucket of one backend. Each call makes one attempt."""

    def __init__(
        self, backend: StorageBackend, metrics: Metrics | None = None, *, circuit: Circuit | None = None
    ) -> None:
        self._bucket = backend.bucket
        self._requests = S3Requests(backend, 1, metrics, circuit=circuit)

    async def page(self, prefix: str, token: str) -> tuple[list[StoredKey], str]:
        """Up to 1000 keys with the prefix, and the token of the next page; empty at the end."""
        return await self._requests.run(lambda client: _page(client, self._bucket, prefix, token))

    def close(self) -> None:
        """Cancel calls that have not started; those in flight end within their timeouts."""
        self._requests.close()


def _page(client: "S3Client", bucket: str, prefix: str, token: str) -> tuple[list[StoredKey], str]:
    list_page = partial(client.list_objects_v2, Bucket=bucket, Prefix=prefix, MaxKeys=_PAGE)
    page = list_page(ContinuationToken=token) if token else list_page()
    keys = [
        StoredKey(found["Key"], found["Size"], found["LastModified"])
        for found in page.get("Contents", ())
        if not is_access_object(found["Key"])
    ]
    return keys, page.get("NextContinuationToken", "") if page["IsTruncated"] else ""
