"""Registers the storage backends with the metadata service."""

import asyncio
from collections.abc import Mapping
from typing import Final

from services.media.application.ports import ObjectRegistry
from services.shared.process.background import repeat

AGAIN_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 2.0


class BackendRegistration:
    """Registers the labels of all backends, by id, once a minute: a reset of the tables removes them."""

    def __init__(self, registry: ObjectRegistry, labels: Mapping[str, str]) -> None:
        self._registry = registry
        self._labels = labels
        self._has_tried = asyncio.Event()

    async def wait_first_attempt(self) -> None:
        """Wait until the first attempt has succeeded or failed."""
        await self._has_tried.wait()

    async def run(self) -> None:
        """Register repeatedly until cancelled; retries after 2 seconds if it fails."""
        await repeat(
            "register storage backends",
            self._register,
            pause_seconds=RETRY_SECONDS,
        )

    async def _register(self) -> float:
        try:
            await self._registry.register_backends(self._labels)
        finally:
            self._has_tried.set()
        return AGAIN_SECONDS
