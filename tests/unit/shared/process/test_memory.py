"""The reuse of freed memory by a process."""

import platform
import subprocess
import sys

import pytest

# Writes and drops a few bodies in each round, and prints the number of page faults per round.
_ROUNDS = """
import resource
from services.shared.process import memory
memory.tune_allocator()

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
def test_freed_memory_is_reused_without_page_faults() -> None:
    finished = subprocess.run([sys.executable, "-c", _ROUNDS], capture_output=True, check=True, timeout=60)
    assert float(finished.stdout) < 2
