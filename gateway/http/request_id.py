"""Request ids: the client's own when it is harmless, else a new one."""

import itertools
import re
import secrets
from typing import Final

_HARMLESS: Final = re.compile(r"[A-Za-z0-9._\-]{1,64}")
# Unique without a system call for each request: random for the process, counted within it.
_PROCESS: Final = secrets.token_hex(5)
_count = itertools.count(1)


def request_id(given: str | None) -> str:
    """The id to log, pass on and return."""
    if given is not None and _HARMLESS.fullmatch(given):
        return given
    return f"{_PROCESS}-{next(_count):x}"
