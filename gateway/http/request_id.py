"""Request ids: the one that the client sent if it is harmless, else a new one."""

import itertools
import re
import secrets
from typing import Final

_HARMLESS: Final = re.compile(r"[A-Za-z0-9._\-]{1,64}")
# A random part for the process and a counter make unique ids without a system call for each request.
_PROCESS: Final = secrets.token_hex(5)
_count = itertools.count(1)


def request_id(header: str | None) -> str:
    """The id to log, to pass to the services and to return; `header` is the value of X-Request-Id."""
    if header is not None and _HARMLESS.fullmatch(header):
        return header
    return f"{_PROCESS}-{next(_count):x}"
