"""Whole signed URLs, joined from the parts that the media service sends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tams.media.v1.storage_service_pb2 import SignPathsRequest, StoredObjects

from services.shared.rpc.client import call
from services.shared.url_paths import url_lines

if TYPE_CHECKING:
    from tams.media.v1.storage_service_pb2_grpc import StorageServiceAsyncStub


async def signed_urls(stub: "StorageServiceAsyncStub", storage_id: str, paths: Sequence[str]) -> list[str]:
    """The signed GET URL of each path of a backend."""
    lines = url_lines(paths)
    request = SignPathsRequest(objects=[StoredObjects(storage_id=storage_id, url_paths=lines)])
    (signed,) = (await call(stub.SignPaths, request)).signed
    parts = zip(lines.decode().splitlines(), signed.signatures.decode().splitlines(), strict=True)
    return [f"{signed.before}{path}{signed.after}{signature}" for path, signature in parts]
