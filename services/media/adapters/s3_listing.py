"""Sizes of many objects by listing the folders they lie in.

A request for each object costs this process and the storage about a millisecond each. Objects that were
registered together lie together, for keys are in order of time, and one request lists a thousand of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A listing costs as much as looking at so many objects.
_WORTH_A_LISTING: Final = 8
_MAX_KEYS: Final = 1000


def listed_sizes(client: "S3Client", bucket: str, paths: Sequence[str]) -> dict[str, int | None]:
    """Sizes in bytes, None for what is not there, of those paths that listings tell at little cost.

    Raises what the client raises.
    """
    found: dict[str, int | None] = {}
    for folder, inside in _by_folder(paths).items():
        for told in _walk(client, bucket, folder, inside):
            found.update(told)
    return found


def _by_folder(paths: Sequence[str]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = defaultdict(list)
    # The order of a listing is that of the keys' bytes.
    for path in sorted(paths, key=str.encode):
        folders[path[: path.rfind("/") + 1]].append(path)
    return folders


def _walk(
    client: "S3Client", bucket: str, folder: str, wanted: Sequence[str]
) -> Iterator[dict[str, int | None]]:
    """What each listing tells of paths in one folder, as long as it is worth its cost."""
    first = 0
    while len(wanted) - first >= _WORTH_A_LISTING:
        page = client.list_objects_v2(
            Bucket=bucket,
            Prefix=folder,
            Delimiter="/",
            # Just before the first that is wanted, for the key given is itself left out.
            StartAfter=wanted[first][:-1],
            MaxKeys=min(_MAX_KEYS, 2 * (len(wanted) - first)),
        )
        sizes = {one["Key"]: one["Size"] for one in page.get("Contents", ())}
        end = (
            _after(wanted, first, max(sizes, key=str.encode, default=""))
            if page["IsTruncated"]
            else len(wanted)
        )
        yield {path: sizes.get(path) for path in wanted[first:end]}
        if end - first < _WORTH_A_LISTING:
            return
        first = end


def _after(wanted: Sequence[str], first: int, last_key: str) -> int:
    """Where the paths begin that a listing up to a key says nothing of."""
    last = last_key.encode()
    while first < len(wanted) and wanted[first].encode() <= last:
        first += 1
    return first
