"""Where an object's bytes are kept: the key, fixed once at allocation.

    {prefix}{yyyy}/{mm}/{dd}/{object id}

Object ids are free text. Bytes other than letters, digits, "_", "-" and "." become "~" and two hex
digits, so that a key needs no encoding in a URL, never holds a "." or ".." step, and two ids never
share a key. Long ids are cut into steps joined by "~/~", since stores that keep keys as files limit a
file name to 255 bytes. No last step ends in "~", so no key is a folder of another.
"""

import re
from datetime import datetime
from typing import Final

from services.shared.errors import InvalidArgument

# S3's limit, in bytes; our keys are ASCII.
MAX_KEY_LENGTH: Final = 1024

_STEP_LENGTH: Final = 200
_UNSAFE: Final = re.compile(r"^\.|[^A-Za-z0-9_.-]")


def storage_path(prefix: str, day: datetime, object_id: str) -> str:
    """The key of a new object. InvalidArgument for an id that is empty or too long for a key."""
    if not object_id:
        raise _bad("an object id is empty")
    # Escapes only lengthen, so an id beyond the limit need not be escaped to be refused.
    if len(object_id) <= MAX_KEY_LENGTH:
        path = f"{prefix}{day:%Y/%m/%d}/{_steps(_UNSAFE.sub(_escape, object_id))}"
        if len(path) <= MAX_KEY_LENGTH:
            return path
    raise _bad(f"object id {object_id[:64]!r}... is too long: its key would pass {MAX_KEY_LENGTH} bytes")


def _escape(match: re.Match[str]) -> str:
    return "".join(f"~{byte:02X}" for byte in match[0].encode())


def _steps(name: str) -> str:
    return "~/~".join(name[at : at + _STEP_LENGTH] for at in range(0, len(name), _STEP_LENGTH))


def _bad(summary: str) -> InvalidArgument:
    return InvalidArgument(summary, reason="BAD_ALLOCATION")
