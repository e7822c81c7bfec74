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
# Of the second half of a UUID: the bits that are random, and the variant of RFC 9562.
_RANDOM_BITS: Final = (1 << 62) - 1
_VARIANT: Final = 2 << 62


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

    def take(self, count: int) -> int:
        """The first of the next `count` numbers, which follow each other without a gap."""
        with self._lock:
            first = max(self._last + 1, time.time_ns() // 1_000_000 << 12)
            self._last = first + count - 1
            return first


_in_order: Final = TimeOrder()


def new_object_id() -> str:
    """A new object id, as in `new_object_ids`."""
    return new_object_ids(1)[0]


def new_object_ids(count: int) -> list[str]:
    """New object ids with the layout of UUID version 7 (RFC 9562, section 6.2, method 1), in order of time.

    Object ids are free text in TAMS. Ids in order of time are close together in the index, so registering
    objects that were allocated together touches few of its pages.
    """
    first, noise = _in_order.take(count), secrets.token_bytes(8 * count)
    return [
        _object_id(first + index, int.from_bytes(noise[8 * index : 8 * index + 8])) for index in range(count)
    ]


def _object_id(number: int, noise: int) -> str:
    # A quarter of the time of uuid.UUID.
    head, tail = f"{number:015x}", f"{noise & _RANDOM_BITS | _VARIANT:016x}"
    return f"{head[:8]}-{head[8:12]}-7{head[12:]}-{tail[:4]}-{tail[4:]}"
