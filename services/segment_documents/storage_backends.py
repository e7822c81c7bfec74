"""The storage backends of this deployment, read from media and cached."""

import asyncio
import contextvars
from collections.abc import Sequence

from grpc import aio
from tams.media.v1 import storage_backend_pb2, storage_service_pb2, storage_service_pb2_grpc

from services.shared.rpc.client import call


class StorageBackends:
    """Reads the list from media at most once in `ttl_seconds`. Concurrent callers share one call.

    The call is one of the process itself, because a caller may have a token that does not allow it.
    """

    def __init__(self, media: aio.Channel, ttl_seconds: float) -> None:
        self._storage = storage_service_pb2_grpc.StorageServiceStub(media)
        self._ttl_seconds = ttl_seconds
        self._backends: Sequence[storage_backend_pb2.StorageBackend] = ()
        self._fresh_until = 0.0
        self._reading: asyncio.Task[None] | None = None
        # The context of the process names no caller of a request.
        self._own_context = contextvars.copy_context()

    async def list(self) -> Sequence[storage_backend_pb2.StorageBackend]:
        """All backends in the order of the configuration. Unavailable if media does not answer."""
        if asyncio.get_running_loop().time() >= self._fresh_until:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read(), context=self._own_context.copy())
            # Shielded, because a cancelled caller must not cancel the call of the others.
            await asyncio.shield(self._reading)
        return self._backends

    async def _read(self) -> None:
        reply = await call(
            self._storage.ListStorageBackends, storage_service_pb2.ListStorageBackendsRequest()
        )
        self._backends = tuple(reply.storage_backends)
        self._fresh_until = asyncio.get_running_loop().time() + self._ttl_seconds
