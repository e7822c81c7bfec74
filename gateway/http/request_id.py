"""Request ids: the one that the client sent if it is harmless."""

import re
from typing import Final

_HARMLESS: Final = re.compile(r"[A-Za-z0-9._\-]{1,64}")


def harmless(header: str | None) -> str:
    """The value of X-Request-Id, if it may be logged, passed to the services and returned; else empty."""
    return header if header is not None and _HARMLESS.fullmatch(header) else ""
