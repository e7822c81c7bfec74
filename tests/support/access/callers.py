"""The caller of the calls in a block of a test."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.shared.access import caller
from services.shared.access.principal import Principal


@contextmanager
def caller_is(principal: Principal) -> Iterator[None]:
    """Calls in the block are those of a caller."""
    before = caller.principal.set(principal)
    try:
        yield
    finally:
        caller.principal.reset(before)
