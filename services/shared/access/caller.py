"""The caller of the present request, and the service token that goes along with calls to other services."""

from collections.abc import Callable
from contextvars import ContextVar

from services.shared.access.principal import SYSTEM, Principal

# The key of the service token in the metadata of calls.
CALLER_KEY = "tams-caller"
# Reasons of refusals that a process of the store gets only if its settings do not fit to those of the others.
NO_CREDENTIALS = "NO_CREDENTIALS"
FOREIGN_CALLER = "BAD_SERVICE_TOKEN"
MISFITS = frozenset({NO_CREDENTIALS, FOREIGN_CALLER})


def _no_token() -> str:
    return ""


# The address from which the present request came; empty if it is unknown or was not needed yet.
address: ContextVar[str] = ContextVar("address", default="")
principal: ContextVar[Principal] = ContextVar("principal", default=SYSTEM)
# Returns the token for calls to other services; an empty one if the store runs without access control.
make_token: ContextVar[Callable[[], str]] = ContextVar("make_token", default=_no_token)


def metadata() -> tuple[tuple[str, str], ...]:
    """The metadata that names the caller to another service."""
    token = make_token.get()()
    return ((CALLER_KEY, token),) if token else ()


def act_for(caller: Principal, token: Callable[[], str]) -> None:
    """Make the present request one of this caller."""
    principal.set(caller)
    make_token.set(token)
