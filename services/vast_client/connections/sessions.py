"""Sessions of the SDK, one for each endpoint.

One session cannot serve several endpoints: the SDK keeps connections by host name, and would sign requests to
a second port of a host with the name of the first.
"""

import threading

import vastdb
from vastdb.config import BackoffConfig

from services.vast_client.connections.connections import set_up_sdk
from services.vast_client.connections.credentials import Credentials
from services.vast_client.failures import refused, translated_sdk_errors
from services.vast_client.sdk import Session


class Sessions:
    """Opens sessions on first use. Thread-safe, but it must not be used after a fork."""

    def __init__(self, credentials: Credentials, timeout: tuple[float, float]) -> None:
        set_up_sdk()
        self._credentials = credentials
        self._timeout = timeout
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def of(self, endpoint: str) -> Session:
        """The session of an endpoint. Unreachable if it does not answer, Refused if it is not VAST."""
        with self._lock:
            session = self._sessions.get(endpoint)
        if session is None:
            session = self._connect(endpoint)
            with self._lock:
                session = self._sessions.setdefault(endpoint, session)
        return session

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.api.__exit__()

    def _connect(self, endpoint: str) -> Session:
        try:
            with translated_sdk_errors():
                session: Session = vastdb.connect(
                    endpoint=endpoint,
                    access=self._credentials.access_key,
                    secret=self._credentials.secret_key,
                    timeout=self._timeout,
                    # Without retries of the SDK: failed work is repeated as a whole, on another endpoint.
                    backoff_config=BackoffConfig(max_tries=1),
                )
                return session
        except (NotImplementedError, vastdb.errors.NotSupported) as error:
            raise refused(str(error)) from error
