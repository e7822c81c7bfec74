"""Time limits of requests to endpoints, in seconds."""

from typing import Final

from services.vast_client.plans import Kind

# The time before another endpoint is tried; longer if requests usually take more than a tenth of it.
_PATIENCE: Final = {Kind.POINT: 0.3, Kind.PAGE: 1.0, Kind.SCAN: 3.0}
_UNUSUAL: Final = 10
_MAX_DOUBLINGS: Final = 6
# The time if no other endpoint is left.
_LONGEST: Final = {Kind.POINT: 2.0, Kind.PAGE: 5.0, Kind.SCAN: 30.0}
_WRITE: Final = 2.0
_COMMIT: Final = 1.5
_BYTES_PER_SECOND: Final = 1_000_000
# For requests about tables instead of rows.
DEFINITION: Final = 5.0
# All tries of a call end within this and `OVERTIME`, which is before the gateway gives up.
BUDGET: Final = 6.5
# Additional time for a commit, and to end a transaction that was not committed.
OVERTIME: Final = 1.5
SCAN_BUDGET: Final = 600.0
# For all tries to read the next rows of a stream.
REPLY_BUDGET: Final = 40.0


def patience(kind: Kind, usual: float, round_: int = 0) -> float:
    """The time before another endpoint is tried.

    `usual` is the usual time of such requests. The result doubles with each round without an answer.
    """
    return min(longest(kind), max(_PATIENCE[kind], _UNUSUAL * usual) * (1 << min(round_, _MAX_DOUBLINGS)))


def longest(kind: Kind) -> float:
    """The time for the last endpoint, after which no other is left."""
    return _LONGEST[kind]


def of_write(size: int) -> float:
    """The time for a write of `size` bytes of rows."""
    return _WRITE + size / _BYTES_PER_SECOND


def of_commit(size: int) -> float:
    """The time for the commit of a transaction that wrote `size` bytes of rows."""
    return _COMMIT + size / _BYTES_PER_SECOND
