"""Aborts uploads in parts that nobody completed, so that their parts do not stay in storage."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from services.media.application.ports import Clock, MultipartStorage
from services.media.domain.storage_backend import StorageBackend, is_allocated
from services.shared.errors import Unavailable
from services.shared.process.background import repeat

LONGEST_PAUSE_SECONDS: Final = 3600.0

_log = logging.getLogger(__name__)


class UploadExpiry:
    """Aborts uploads that began more than `seconds` ago, on all backends."""

    def __init__(
        self,
        backends: Collection[StorageBackend],
        storages: Mapping[str, MultipartStorage],
        clock: Clock,
        seconds: int,
    ) -> None:
        self._backends = backends
        self._storages = storages
        self._clock = clock
        self._seconds = seconds

    async def run(self, pause_seconds: float) -> None:
        """Abort expired uploads until cancelled, with a pause before each round."""

        async def abort() -> float:
            await self.abort_expired()
            return pause_seconds

        # At the start, buckets may not be ready.
        await asyncio.sleep(pause_seconds)
        await repeat(
            "abort expired uploads",
            abort,
            pause_seconds=pause_seconds,
            longest_pause_seconds=LONGEST_PAUSE_SECONDS,
        )

    async def abort_expired(self) -> int:
        """Run one round; returns the number of aborted uploads. Unavailable if a storage failed."""
        aborted, fault = 0, None
        for backend in self._backends:
            try:
                aborted += await self._abort_expired_on(backend)
            except Unavailable as error:
                fault = error
        if fault is not None:
            raise fault
        return aborted

    async def _abort_expired_on(self, backend: StorageBackend) -> int:
        storage = self._storages[backend.id]
        until = self._clock() - timedelta(seconds=self._seconds)
        expired = [
            upload
            for upload in await storage.uploads(backend.prefix)
            # The bucket may have uploads of others.
            if upload.created < until and is_allocated(backend, upload.path)
        ]
        for upload in expired:
            await storage.abort(upload.path, upload.id)
        if expired:
            _log.info("aborted uploads", extra={"storage": backend.label, "uploads": len(expired)})
        return len(expired)
