"""Requests to the bucket of one backend, with boto3 in a few threads of their own."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from services.media.adapters.s3.client import READ_SECONDS, open_client
from services.media.adapters.s3.faults import S3_ERRORS, is_fault, meaning, unavailable
from services.media.adapters.s3.observation import ObservedRequests
from services.media.domain.circuit import Circuit
from services.media.domain.storage_backend import StorageBackend
from services.shared.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

_log = logging.getLogger(__name__)


class S3Requests:
    """Sends observed requests with one client. Each makes one attempt, because callers decide about retries.

    The storage has `read_seconds` for each part of its answer. While the circuit is open, requests fail at
    once; without one, it never opens.
    """

    def __init__(
        self,
        backend: StorageBackend,
        threads: int,
        metrics: Metrics | None = None,
        *,
        circuit: Circuit | None = None,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._label = backend.label
        self._circuit = circuit
        self.client = open_client(backend, threads, read_seconds=read_seconds)
        ObservedRequests(backend, metrics or Metrics()).attach(self.client)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="s3")

    async def run(self, request: Callable[["S3Client"], T]) -> T:
        """The result of the request, which gets the client. Unavailable STORAGE_UNAVAILABLE.

        An error of another kind that the request raises in place of one of the SDK is passed on.
        """
        if self._circuit is None:
            return await self.run_always(request)
        # Those that wait for a thread are looked at again, because the circuit may open meanwhile.
        self._circuit.check()
        return await self.run_always(partial(self._through, self._circuit, request))

    async def run_always(self, request: Callable[["S3Client"], T]) -> T:
        """As `run`, whatever the state of the circuit, and without a change of it."""
        # In the context of the caller, so that the requests are parts of its operation.
        run = copy_context().run
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, run, request, self.client)
        except S3_ERRORS as error:
            raise unavailable(self._label, error) from error

    def close(self) -> None:
        """Cancel calls that have not started; those in flight end within their timeouts."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()

    def _through(self, circuit: Circuit, request: Callable[["S3Client"], T], client: "S3Client") -> T:
        circuit.begin()
        try:
            result = request(client)
        except Exception as error:
            if not is_fault(error):
                self._note_answer(circuit)
            elif circuit.failed():
                extra = {"storage": self._label, "reason": meaning(error)}
                _log.warning("requests to a storage fail at once for now", extra=extra)
            raise
        self._note_answer(circuit)
        return result

    def _note_answer(self, circuit: Circuit) -> None:
        if circuit.answered():
            _log.info("requests to a storage are sent again", extra={"storage": self._label})
