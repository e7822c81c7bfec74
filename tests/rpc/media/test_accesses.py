"""Signed URLs are counted for their objects, also the last ones before the service stops."""

from typing import Any

import pytest
from tams.media.v1.storage_service_pb2 import AllocateStorageRequest, SignPathsRequest, StoredObjects

from services.shared.rpc.client import call
from services.shared.url_paths import url_lines
from tests.rpc.media.conftest import Serve


@pytest.mark.parametrize("counts", [True, False])
async def test_signed_urls_are_counted_unless_that_is_turned_off(
    serve: Serve, backend: dict[str, Any], counts: bool
) -> None:
    async with serve(backend, count_accesses=counts) as media:
        await call(media.stub.AllocateStorage, AllocateStorageRequest(flow_id="flow", limit=2))
        first, second = media.registry.reserved.values()
        page = url_lines([first.storage_path, second.storage_path, first.storage_path])
        request = SignPathsRequest(objects=[StoredObjects(storage_id=backend["id"], url_paths=page)])
        for _ in range(2):
            await call(media.stub.SignPaths, request)
        assert not media.registry.accesses
    assert media.registry.accesses == ({first.object_id: 4, second.object_id: 2} if counts else {})
