"""Values of a later version, which a process meets while the others are upgraded before it."""

from collections.abc import Mapping
from typing import TypeVar

from services.shared.errors import Unavailable

K = TypeVar("K")
V = TypeVar("V")


def known(names: Mapping[K, V], value: K, field: str) -> V:
    """The name of a value in a message from another process.

    Unavailable PARTS_DISAGREE for a value that this version does not know: the caller can try again when this
    process is of the same version.
    """
    if value not in names:
        raise later_value(field, value)
    return names[value]


def later_value(field: str, value: object) -> Unavailable:
    """The error for a value that this version does not know."""
    return Unavailable(
        f"{field} is of a later version ({value}); this process must be upgraded too",
        reason="PARTS_DISAGREE",
    )
