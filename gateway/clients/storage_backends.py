"""The list of storage backends, remembered for a short time."""

import asyncio
from collections.abc import Sequence

from tams.media.v1.storage_backend_pb2 import StorageBackend
from tams.media.v1.storage_service_pb2 import ListStorageBackendsRequest

from gateway.clients.services import Services
from services.shared.rpc.client import call


class StorageBackends:
    """Asks media at most once in `ttl_seconds`, once for all who ask at the same time."""

    def __init__(self, services: Services, ttl_seconds: float) -> None:
        self._storage = services.storage
        self._ttl_seconds = ttl_seconds
        self._known: Sequence[StorageBackend] = ()
        self._fresh_until = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def list(self) -> Sequence[StorageBackend]:
        """All backends in the order of the configuration. Unavailable when media is away."""
        if asyncio.get_running_loop().time() >= self._fresh_until:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
            # Shielded: who goes away must not take the answer from the others.
            await asyncio.shield(self._asking)
        return self._known

    async def _ask(self) -> None:
        reply = await call(self._storage.ListStorageBackends, ListStorageBackendsRequest())
        self._known = tuple(reply.storage_backends)
        self._fresh_until = asyncio.get_running_loop().time() + self._ttl_seconds
