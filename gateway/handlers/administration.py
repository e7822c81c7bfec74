"""Who may administer: an extension under /x/admin, for operators.

The API knows no users, so administration is off unless the operator turns it on, and then for programs
alone: a page in a browser on the operator's machine could reach a store on loopback, and browsers tell
such requests by headers that programs do not send.
"""

from typing import Final

from gateway.http.requests import Request
from services.shared.errors import PermissionDenied

_OF_BROWSERS: Final = ("origin", "sec-fetch-site")


class Gate:
    """Lets requests pass, or not."""

    def __init__(self, *, offered: bool) -> None:
        self._offered = offered

    def check(self, request: Request) -> None:
        """PermissionDenied unless administration is offered and a program asks."""
        if not self._offered:
            raise PermissionDenied("administration is not offered here", reason="ADMIN_NOT_OFFERED")
        if any(request.headers.get(name) is not None for name in _OF_BROWSERS):
            raise PermissionDenied("administration is not for browsers", reason="ADMIN_FROM_BROWSER")
