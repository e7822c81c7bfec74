"""Combines only the calls of one caller, because a call names one caller to the service."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from gateway.clients.coalescer import Coalescer
from services.shared.access import caller
from services.shared.access.principal import Principal

Q = TypeVar("Q")
R = TypeVar("R")

# Beyond these, the caller that has not called for the longest time is forgotten, which costs little.
_MAX_CALLERS: Final = 1000


class ByCaller(Generic[Q, R]):
    """A coalescer for each caller."""

    def __init__(self, create: Callable[[], Coalescer[Q, R]]) -> None:
        self._create = create
        self._coalescers: OrderedDict[Principal, Coalescer[Q, R]] = OrderedDict()
        # The caller of the last request, which is often that of the next.
        self._last = caller.principal.get()
        self._last_coalescer = self._coalescer(self._last)

    def __call__(self, request: Q) -> Awaitable[R]:
        """The reply to the request of the present caller; raises its error."""
        principal = caller.principal.get()
        if principal is not self._last:
            self._last, self._last_coalescer = principal, self._coalescer(principal)
        return self._last_coalescer(request)

    def _coalescer(self, principal: Principal) -> Coalescer[Q, R]:
        coalescer = self._coalescers.get(principal)
        if coalescer is None:
            coalescer = self._coalescers[principal] = self._create()
            if len(self._coalescers) > _MAX_CALLERS:
                self._coalescers.popitem(last=False)
        else:
            self._coalescers.move_to_end(principal)
        return coalescer
