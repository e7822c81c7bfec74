"""Notes changes that a rule refused, for the audit log.

They are recorded apart from the transaction, which is rolled back, and as bounded as failed attempts to
authenticate.
"""

from typing import Final

from services.access.attempts import Attempts
from services.shared.access import caller
from services.shared.access.principal import SYSTEM
from services.shared.errors import (
    AlreadyExists,
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    TamsError,
)

# Errors of rules. Others are faults of the store, or of the connection to it.
_OF_RULES: Final = (
    AlreadyExists, Conflict, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied,
)  # fmt: skip


class Refusals:
    """The refused changes of callers, except those of the store itself."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def note(self, action: str, resource: str, error: TamsError) -> None:
        """Note that the present caller was refused an action on a resource."""
        name = caller.principal.get().name
        if name != SYSTEM.name and isinstance(error, _OF_RULES):
            self._attempts.refused(name, error.reason, action, resource)
