"""Whether a deletion is soft, for how long the trash keeps what it deletes, and who deleted it."""

from typing import Final, NamedTuple

from services.metadata.application.clock import Moment
from services.metadata.domain.trash import SoftDelete, check_name
from services.shared.access import caller
from services.shared.access.decision import require
from services.shared.access.principal import Scope
from services.shared.ids import new_uuid

WEEK_SECONDS: Final = 7 * 24 * 3600


class DeleteOptions(NamedTuple):
    """The wishes of a caller. `soft` is None for the default; `deleted_by` is empty for the caller's name."""

    soft: bool | None = None
    deleted_by: str = ""


class TrashRules(NamedTuple):
    """The settings of the trash."""

    soft_by_default: bool = False
    retention_seconds: float = WEEK_SECONDS

    def soft_delete(self, options: DeleteOptions, now: Moment) -> SoftDelete | None:
        """The soft deletion that a caller wants; None if the deletion is for good.

        InvalidArgument BAD_NAME, or PermissionDenied MISSING_SCOPE for a name that is not the caller's own,
        unless the caller has the scope admin.
        """
        principal = caller.principal.get()
        name = options.deleted_by or principal.name
        check_name(name)
        if name != principal.name:
            require(principal, (Scope.ADMIN,))
        if not (self.soft_by_default if options.soft is None else options.soft):
            return None
        return SoftDelete(new_uuid(), name, now.ms, now.ms + int(1000 * self.retention_seconds))


DEFAULT_OPTIONS: Final = DeleteOptions()
DEFAULT_RULES: Final = TrashRules()
