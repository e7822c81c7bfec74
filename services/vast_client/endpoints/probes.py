"""Probes avoided endpoints in the background to find out when they are healthy again."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from services.vast_client.connections.connections import deadline
from services.vast_client.endpoints.background import Background
from services.vast_client.endpoints.endpoints import Endpoints
from services.vast_client.failures import Failure
from services.vast_client.plans import Kind

_log = logging.getLogger(__name__)
# The time limit of a probe; longer, up to a maximum, if other endpoints are slow too.
_SECONDS: Final = 1.0
_MAX_SECONDS: Final = 4.0
_UNUSUAL: Final = 5


class Probes:
    """Probes each endpoint that is due. `probe` raises Failure if the endpoint is not healthy."""

    def __init__(self, probe: Callable[[str], None]) -> None:
        self._probe = probe
        self._background = Background("vast-probes", self.once)
        self.wake = self._background.wake
        self.endpoints: Endpoints | None = None

    def once(self) -> float | None:
        """Probe all endpoints that are due; returns the seconds until the next, None if none is due."""
        endpoints = self.endpoints
        if endpoints is None:
            return None
        for endpoint in endpoints.take_due():
            usual = max(endpoints.usual_seconds(None), endpoints.usual_seconds(Kind.POINT))
            endpoints.record_probe(endpoint, self._seconds(endpoint, usual))
        return endpoints.next_probe()

    def close(self) -> None:
        """Stop probing."""
        self._background.stop(_SECONDS)

    def _seconds(self, endpoint: str, usual: float) -> float | None:
        started = monotonic()
        try:
            with deadline(min(_MAX_SECONDS, max(_SECONDS, _UNUSUAL * usual))):
                self._probe(endpoint)
        except Failure:
            return None
        except Exception:  # noqa: BLE001 - after any error the endpoint must be probed again
            _log.warning("a probe failed", extra={"endpoint": endpoint}, exc_info=True)
            return None
        return monotonic() - started
