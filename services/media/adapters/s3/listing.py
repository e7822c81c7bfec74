"""Reads the sizes of many objects by listing their folders.

A request for each object costs this process and the storage about a millisecond. Keys are in the order of
time, so objects that are registered together are close together, and one request lists up to 1000 of them.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from services.media.adapters.s3.access import is_forbidden
from services.media.domain.object import StoredSize
from services.media.domain.storage_backend import StorageBackend

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The number of single requests that cost as much as one listing.
WORTH_A_LISTING: Final = 8
_MAX_KEYS: Final = 1000
# After a refusal. Until then each size takes a request of its own.
_PAUSE_SECONDS: Final = 600

_log = logging.getLogger(__name__)


class Listings:
    """Lists the bucket of one backend, unless its key may not."""

    def __init__(self, backend: StorageBackend, client: "S3Client") -> None:
        self._label, self._bucket = backend.label, backend.bucket
        self._client = client
        self._not_before = 0.0
        self._is_logged = False

    def sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        """As `list_sizes`. Nothing for keys that may not list, which is logged once."""
        if time.monotonic() < self._not_before:
            return {}
        try:
            return list_sizes(self._client, self._bucket, paths)
        except ClientError as error:
            if not is_forbidden(error):
                raise
        self._not_before = time.monotonic() + _PAUSE_SECONDS
        if not self._is_logged:
            self._is_logged = True
            _log.warning("the key may not list objects", extra={"storage": self._label})
        return {}


def list_sizes(client: "S3Client", bucket: str, paths: Sequence[str]) -> dict[str, int | None]:
    """Sizes in bytes, None for missing objects, of those paths for which listings are cheaper.

    Raises the errors of the client: BotoCoreError and ClientError.
    """
    sizes: dict[str, int | None] = {}
    for folder, paths_of_folder in _by_folder(paths).items():
        for page_sizes in _walk(client, bucket, folder, paths_of_folder):
            sizes.update(page_sizes)
    return sizes


def _by_folder(paths: Sequence[str]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = defaultdict(list)
    # A listing is in the order of the bytes of the keys.
    for path in sorted(paths, key=str.encode):
        folders[path[: path.rfind("/") + 1]].append(path)
    return folders


def _walk(
    client: "S3Client", bucket: str, folder: str, paths: Sequence[str]
) -> Iterator[dict[str, int | None]]:
    """The sizes from each listing of one folder, until single requests for the rest are cheaper.

    `paths` are sorted by their bytes.
    """
    first = 0
    while len(paths) - first >= WORTH_A_LISTING:
        page = client.list_objects_v2(
            Bucket=bucket,
            Prefix=folder,
            Delimiter="/",
            # A key shortly before the first path, because the listing excludes the key given here.
            StartAfter=paths[first][:-1],
            MaxKeys=min(_MAX_KEYS, 2 * (len(paths) - first)),
        )
        sizes: dict[str, int] = {
            item["Key"]: StoredSize(item["Size"], item.get("ETag", "")) for item in page.get("Contents", ())
        }
        end = (
            _index_after(paths, first, max(sizes, key=str.encode, default=""))
            if page.get("IsTruncated")
            else len(paths)
        )
        yield {path: sizes.get(path) for path in paths[first:end]}
        if end - first < WORTH_A_LISTING:
            return
        first = end


def _index_after(paths: Sequence[str], first: int, last_key: str) -> int:
    """The index of the first path after a key; `first` is where to begin."""
    last = last_key.encode()
    while first < len(paths) and paths[first].encode() <= last:
        first += 1
    return first
