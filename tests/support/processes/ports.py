"""Free ports that neither the kernel nor another worker of the same test run hands out."""

import itertools
import os
import random
import socket
from collections import deque

# Below the range that the kernel hands out for outgoing connections and for port 0.
LOWEST, HIGHEST = 10_000, 32_000
# Worker n takes the ports whose remainder is n, so that two workers never choose the same port.
WORKERS = 8
# A port that was handed out may be free until its process listens, so the last ones are not handed out again.
_REMEMBERED = 500
_handed_out: deque[int] = deque(maxlen=_REMEMBERED)
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS


def free_ports(count: int) -> list[int]:
    """Distinct loopback ports that are free now, and that no recent call returned."""
    first = LOWEST + (_WORKER - LOWEST) % WORKERS
    own = range(first, HIGHEST, WORKERS)
    candidates = random.sample(own, len(own))
    chosen = [port for port in candidates if port not in _handed_out]
    found = list(itertools.islice(filter(is_free, chosen), count))
    _handed_out.extend(found)
    return found


def is_free(port: int) -> bool:
    """Whether a process can listen on a loopback port."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
