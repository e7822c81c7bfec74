"""Getting a bucket ready, however long its storage takes to come up."""

import logging
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from services.media.application.ports import ObjectStorage
from services.shared.errors import Unavailable

_log = logging.getLogger("tams.media")

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0


async def prepare(label: str, storage: ObjectStorage) -> None:
    """Return once the bucket is ready; until then try again, at growing intervals."""

    def complain(state: RetryCallState) -> None:
        reason = state.outcome.exception() if state.outcome else None
        _log.warning("storage is not ready", extra={"storage": label, "reason": str(reason)})

    attempts = AsyncRetrying(
        wait=wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS),
        retry=retry_if_exception_type(Unavailable),
        before_sleep=complain,
    )
    await attempts(storage.prepare)
    _log.info("storage is ready", extra={"storage": label})
