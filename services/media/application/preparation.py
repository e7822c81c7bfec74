"""Prepares a bucket, retrying until its storage is up."""

import logging
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from services.media.application.ports import ObjectStorage
from services.shared.errors import Unavailable

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0


async def prepare(label: str, storage: ObjectStorage) -> None:
    """Prepare the bucket; retries at growing intervals until it succeeds."""

    def log_failure(state: RetryCallState) -> None:
        reason = state.outcome.exception() if state.outcome else None
        _log.warning("storage is not ready", extra={"storage": label, "reason": str(reason)})

    attempts = AsyncRetrying(
        wait=wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS),
        retry=retry_if_exception_type(Unavailable),
        before_sleep=log_failure,
    )
    await attempts(storage.prepare)
    _log.info("storage is ready", extra={"storage": label})
