"""The connections of the SDK: without proxies, and with a timeout for each request.

The SDK has one timeout for a session. The right timeout of a request depends on its purpose and on the time
that its caller has left. So the calling thread sets them as thread-local values, which the connection reads.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from math import inf
from time import monotonic
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from vastdb import _internal

# The connections to one endpoint that stay open, at least as many as threads use at the same time.
_POOL_SIZE: Final = 64
_CONNECT_SECONDS: Final = 0.75
# They log an error for each rollback, refusal and failed try, which also raise exceptions.
_NOISY_LOGGERS: Final = ("vastdb", "backoff")


class _Limits(threading.local):
    request_seconds = inf
    deadline = inf


_limits = _Limits()


@contextmanager
def request_timeout(seconds: float) -> Iterator[None]:
    """Set the time to connect and between two parts of a reply, for each request of this thread."""
    outer = _limits.request_seconds
    _limits.request_seconds = seconds
    try:
        yield
    finally:
        _limits.request_seconds = outer


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Set the time for all requests of this thread in the block; an earlier outer deadline still applies."""
    outer = _limits.deadline
    _limits.deadline = min(outer, monotonic() + seconds)
    try:
        yield
    finally:
        _limits.deadline = outer


@contextmanager
def overtime(seconds: float) -> Iterator[None]:
    """Give the requests of this thread in the block at least this time, whatever the outer deadline is."""
    outer = _limits.deadline
    _limits.deadline = max(outer, monotonic() + seconds)
    try:
        yield
    finally:
        _limits.deadline = outer


def time_left() -> float:
    """The seconds until the deadline of this thread; infinite without a deadline."""
    return _limits.deadline - monotonic()


class _Adapter(HTTPAdapter):
    """Sends requests with the shortest of the session's timeout, the thread's timeout and the time left."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        *arguments: Any,
        **options: Any,
    ) -> requests.Response:
        left = time_left()
        if left <= 0:
            raise requests.exceptions.Timeout("no time is left")
        connect, read = timeout if isinstance(timeout, tuple) else (timeout or inf, timeout or inf)
        limit = min(_limits.request_seconds, left)
        # Connecting to a healthy server may take longer than its answers.
        connect, read = min(connect, left, max(limit, _CONNECT_SECONDS)), min(read, limit)
        return super().send(request, stream, (_or_none(connect), _or_none(read)), *arguments, **options)


def _or_none(seconds: float) -> float | None:
    return None if seconds == inf else seconds


@cache
def set_up_sdk() -> None:
    """Make the SDK use connections of this module, and stop it from logging errors that it also raises.

    Call it before the first session is created. The SDK has no settings for this and uses a connection while
    it creates it, so its method that creates connections is replaced, for the whole process.
    """
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    api = _internal.VastdbApi
    api._session_create = _with_adapter(api._session_create)  # noqa: SLF001


def _with_adapter(create: Callable[..., requests.Session]) -> Callable[..., requests.Session]:
    def created(*arguments: object) -> requests.Session:
        connections = create(*arguments)
        # Proxies in the environment do not apply to the table store.
        connections.trust_env = False
        for scheme in ("http://", "https://"):
            connections.mount(scheme, _Adapter(pool_maxsize=_POOL_SIZE))
        return connections

    return created
