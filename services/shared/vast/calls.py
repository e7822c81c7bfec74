"""Calls to an endpoint: what they need to know of the cluster, and what their outcome tells."""

from time import monotonic
from typing import Any, Protocol

from services.shared.vast.address import VastAddress
from services.shared.vast.endpoints import Endpoints
from services.shared.vast.failures import Away, Failure, Unknown, told
from services.shared.vast.journal import Journal


class Surroundings(Protocol):
    """What transactions need to know of their cluster."""

    address: VastAddress
    endpoints: Endpoints
    journal: Journal | None

    @property
    def catalog(self) -> Any:
        """The tables."""
        ...

    def session(self, endpoint: str) -> Any:
        """The session of an endpoint."""
        ...

    def end(self, txid: int) -> bool:
        """Roll back a transaction whose commit was not answered."""
        ...


class Call:
    """Tells failures by what can be done about them, and counts the call for the endpoint's health."""

    def __init__(self, cluster: Surroundings, endpoint: str, *, tells: bool = True) -> None:
        self._cluster = cluster
        self._endpoint = endpoint
        self._tells = tells
        self._told = told()
        self._started = monotonic()

    def __enter__(self) -> None:
        self._told.__enter__()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool | None:
        try:
            passes = self._told.__exit__(kind, error, trace)
        except Unknown as failure:
            self._answered()
            self._cluster.catalog.suspect(failure)
            raise
        except Away:
            self._cluster.endpoints.failed(self._endpoint)
            raise
        except Failure:
            self._answered()
            raise
        if error is None:
            self._answered()
        return passes

    def _answered(self) -> None:
        # Who begins and ends transactions but drops queries is not well: such calls tell nothing.
        if self._tells:
            self._cluster.endpoints.succeeded(self._endpoint, monotonic() - self._started)
