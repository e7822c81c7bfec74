"""Checks in the background whether each storage backend answers, so that the result is available at once."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from services.media.application.ports import ObjectStorage
from services.shared.errors import Unavailable

_FIRST_PAUSE_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


class Reachability:
    """The result of the last check of each storage; `seconds` is the pause between two checks."""

    def __init__(self, storages: Mapping[str, ObjectStorage], seconds: float) -> None:
        self._storages = storages
        self._seconds = seconds
        self._faults: dict[str, str] = dict.fromkeys(storages, "it was not reached yet")

    def fault(self, storage_id: str) -> str:
        """The reason why a backend does not answer; "" if it answers."""
        return self._faults[storage_id]

    def up(self, labels: Mapping[str, str]) -> dict[str, bool]:
        """By label, whether the backends with it answer; `labels` are by id."""
        up = dict.fromkeys(labels.values(), True)
        for storage_id, label in labels.items():
            up[label] &= not self._faults[storage_id]
        return up

    async def watch(self, storage_id: str, label: str) -> None:
        """Check a backend until cancelled; checks more often after its state has changed."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            before, now = self._faults[storage_id], await self._check(storage_id)
            self._faults[storage_id] = now
            if bool(before) != bool(now):
                _log_change(label, now)
                pause = min(_FIRST_PAUSE_SECONDS, self._seconds)
            else:
                pause = min(pause * 2, self._seconds)
            await asyncio.sleep(pause)

    async def _check(self, storage_id: str) -> str:
        try:
            await self._storages[storage_id].check()
        except Unavailable as error:
            return error.summary
        return ""


def _log_change(label: str, fault: str) -> None:
    if fault:
        _log.warning("storage does not answer", extra={"storage": label, "reason": fault})
    else:
        _log.info("storage answers", extra={"storage": label})
