"""Free ports that nobody is given by chance."""

import itertools
import random
import socket

# Below the range that the kernel hands out for outgoing connections and for port 0.
_LOWEST, _HIGHEST = 10_000, 32_000


def free_ports(count: int) -> list[int]:
    """Distinct loopback ports that are free now."""
    candidates = random.sample(range(_LOWEST, _HIGHEST), 50 * count)
    return list(itertools.islice(filter(_is_free, candidates), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
