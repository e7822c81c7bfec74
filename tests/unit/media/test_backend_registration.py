import asyncio
from collections.abc import Mapping
from contextlib import suppress

import pytest

from services.media.application import backend_registration
from services.media.application.backend_registration import BackendRegistration
from services.shared.errors import Unavailable
from tests.support.processes.polling import until
from tests.support.storage.backends import MemoryObjectRegistry


class UnavailableAtFirst(MemoryObjectRegistry):
    """Refuses the first three registrations."""

    attempts = 0

    async def register_backends(self, labels: Mapping[str, str]) -> None:
        self.attempts += 1
        if self.attempts < 4:
            raise Unavailable("away")
        await super().register_backends(labels)


async def test_backends_are_registered_after_failures_and_when_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backend_registration, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(backend_registration, "AGAIN_SECONDS", 0.01)
    registry = UnavailableAtFirst({})
    registration = BackendRegistration(registry, {"a": "local"})
    task = asyncio.create_task(registration.run())
    await asyncio.wait_for(registration.wait_first_attempt(), 5)
    await until(lambda: registry.backends == {"a": "local"})
    assert caplog.text.count("cannot register") == 1
    registry.backends = {}
    await until(lambda: registry.backends == {"a": "local"})
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
