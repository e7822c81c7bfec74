"""Checks the tag that makes a flow a loop. Setting it deletes segments, so it takes more than to write."""

from services.metadata.application.clock import Moment
from services.metadata.domain.documents.tags import TagChanges
from services.metadata.domain.flows.loop import TAG, parse_seconds
from services.shared.errors import PermissionDenied


def check_loop(tags: TagChanges, now: Moment) -> None:
    """PermissionDenied MISSING_SCOPE or InvalidArgument BAD_LOOP_DURATION if the tag must not get its value.

    Whoever may write the flow may remove the tag, or keep its value.
    """
    value = tags.set.get(TAG)
    if value is None:
        return
    if not now.may_delete:
        raise PermissionDenied(
            f"the tag {TAG} deletes segments, so setting it needs the scope delete", reason="MISSING_SCOPE"
        )
    parse_seconds(value)
