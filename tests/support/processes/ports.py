"""Free ports that neither the kernel nor another worker of the same test run hands out."""

import itertools
import os
import random
import socket

# Below the range that the kernel hands out for outgoing connections and for port 0.
LOWEST, HIGHEST = 10_000, 32_000
# Worker n takes the ports whose remainder is n, so that two workers never choose the same port.
WORKERS = 8
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS


def free_ports(count: int) -> list[int]:
    """Distinct loopback ports that are free now."""
    first = LOWEST + (_WORKER - LOWEST) % WORKERS
    own = range(first, HIGHEST, WORKERS)
    candidates = random.sample(own, min(50 * count, len(own)))
    return list(itertools.islice(filter(is_free, candidates), count))


def is_free(port: int) -> bool:
    """Whether a process can listen on a loopback port."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
