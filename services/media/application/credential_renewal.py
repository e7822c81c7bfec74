"""Takes new credentials of a storage backend into use, without a restart and without a failed request."""

import asyncio
import logging
from typing import Final

from services.media.application.ports import Clock, ObjectStorage
from services.media.domain.credentials import Credentials
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import Unavailable
from services.shared.process.background import repeat

# Between two attempts while new credentials are refused.
LONGEST_PAUSE_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)


class CredentialRenewal:
    """Looks for other credentials of one backend, and uses those that its storage accepts.

    Two files cannot be replaced at once, and only the storage knows which key belongs to which secret. So it
    must accept credentials before they replace those that work.
    """

    def __init__(self, backend: StorageBackend, storage: ObjectStorage, clock: Clock) -> None:
        self._credentials = backend.credentials
        self.label = backend.label
        self._storage = storage
        self._clock = clock
        # True while other credentials are there and cannot be used, or none can be read.
        self.is_refused = False

    @property
    def seconds_left(self) -> float:
        """Seconds until the credentials in use expire; infinite if that is not known."""
        return self._credentials.current.seconds_left(self._clock())

    async def run(self) -> None:
        """Look until cancelled."""
        if (source := self._credentials.source) is None:
            return

        async def look() -> float:
            try:
                await self._consider(await asyncio.to_thread(source.look))
            except Unavailable:
                self.is_refused = True
                raise
            self.is_refused = False
            return source.look_seconds

        await repeat(
            f"renew the credentials of storage {self.label}",
            look,
            pause_seconds=source.look_seconds,
            longest_pause_seconds=LONGEST_PAUSE_SECONDS,
        )

    async def _consider(self, found: Credentials) -> None:
        """Use the credentials if they are others than now. Unavailable unless the storage accepts them."""
        if found == self._credentials.current:
            return
        # Expired ones cannot be worse than any others.
        if self.seconds_left > 0 and not await self._storage.accepts(found):
            raise Unavailable("the storage refuses the new ones; the old ones stay")
        self._credentials.current = found
        _log.info("the credentials of a storage were renewed", extra={"storage": self.label})
