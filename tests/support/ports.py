"""Free ports that nobody is given by chance."""

import itertools
import random
import socket

# Below the range that the kernel hands out for outgoing connections and for port 0.
LOWEST, HIGHEST = 10_000, 32_000


def free_ports(count: int) -> list[int]:
    """Distinct loopback ports that are free now."""
    candidates = random.sample(range(LOWEST, HIGHEST), 50 * count)
    return list(itertools.islice(filter(is_free, candidates), count))


def is_free(port: int) -> bool:
    """Whether a loopback port can be listened on."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
