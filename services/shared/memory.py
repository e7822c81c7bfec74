"""How a process of ours treats memory that pages of hundreds of segments come and go in."""

import ctypes
import gc
from typing import Final

# New objects that are tracked before the collector looks at them; Python's own default is 700.
_COLLECT_AFTER: Final = 20_000

# Names of malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 16 * 1024 * 1024
_MAPPED_ALONE_BYTES: Final = 1024 * 1024


def collect_less() -> None:
    """Let the garbage collector leave alone what a started process keeps anyway, and come less often.

    Its passes take a few percent of the time that pages of hundreds of messages cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def keep_freed() -> None:
    """Let malloc keep some of what is freed for the next page instead of handing it back to the system.

    A page's body is a few hundred kilobytes, and the system clears each piece of 4 KiB before it hands it
    out again: a tenth of what a page costs the gateway. Does nothing where malloc is not glibc's.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_ALONE_BYTES)
