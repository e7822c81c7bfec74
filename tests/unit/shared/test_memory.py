"""What a process does with memory it no longer needs."""

import platform
import subprocess
import sys

import pytest

# Bodies of a few pages at a time, written and dropped; tells how many faults each round takes.
_ROUNDS = """
import resource
from services.shared import memory
memory.keep_freed()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def bodies():
    return [b"x" * (200 * 1024 + number) for number in range(8)]

for _ in range(20):
    bodies()
before = faults()
for _ in range(100):
    bodies()
print((faults() - before) / 100)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_what_is_freed_serves_the_next_page() -> None:
    done = subprocess.run([sys.executable, "-c", _ROUNDS], capture_output=True, check=True, timeout=60)
    assert float(done.stdout) < 2
