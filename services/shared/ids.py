"""Checks TAMS ids and creates new ids."""

import re
import secrets
import threading
import time
import uuid
from typing import Final

# Lower case, versions 1 to 5, RFC variant (TAMS 7.0, flow-core.json).
UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_UUID = re.compile(UUID_PATTERN)


def is_uuid(text: str) -> bool:
    """True if the text is a TAMS id: a lower-case UUID of version 1 to 5."""
    return _UUID.fullmatch(text) is not None


def new_uuid() -> str:
    """A new random TAMS id."""
    return str(uuid.uuid4())


class TimeOrder:
    """Ascending numbers of 60 bits: milliseconds since 1970, then 12 bits of a count within the millisecond.

    After 4096 numbers within a millisecond, or if the clock is set back, they run ahead of the clock.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        """The next number."""
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1_000_000 << 12)
            return self._last


_in_order: Final = TimeOrder()


def new_object_id() -> str:
    """A new object id with the layout of UUID version 7 (RFC 9562, section 6.2, method 1), in order of time.

    Object ids are free text in TAMS. Ids in order of time are close together in the index, so registering
    objects that were allocated together touches few of its pages.
    """
    millis, count = divmod(_in_order.next(), 1 << 12)
    value = (millis & (1 << 48) - 1) << 80 | 7 << 76 | count << 64
    return str(uuid.UUID(int=value | 2 << 62 | secrets.randbits(62)))
