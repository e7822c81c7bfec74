"""The objects of the comparison. Tables and bucket have the same ones, but for a few."""

import uuid
from collections.abc import Iterator
from typing import Final

PREFIX: Final = "media/"
# The distance between two lost objects, and between two that are left over.
RARE: Final = 5_000
_A_DAY: Final = 250_000


def object_id(number: int) -> str:
    """An id with the layout of new ones: in order of time, with random bits at the end."""
    random = number * 0x9E3779B97F4A7C15 % (1 << 62)
    return str(uuid.UUID(int=(1_700_000_000_000 + number) << 80 | 7 << 76 | 2 << 62 | random))


def key(number: int) -> str:
    """The key of an object, as allocation makes it."""
    day = number // _A_DAY
    return f"{PREFIX}2026/{day // 28 % 12 + 1:02}/{day % 28 + 1:02}/{object_id(number)}"


def is_lost(number: int) -> bool:
    """True if the tables alone have this object."""
    return number % RARE == RARE // 3


def is_left_over(number: int) -> bool:
    """True if the bucket alone has this object."""
    return number % RARE == RARE // 2


def in_tables(count: int) -> Iterator[int]:
    """The numbers of the objects that the tables have."""
    return (number for number in range(count) if not is_left_over(number))
