"""Other programs: their output, and a marker for tests that need them.

Some programs come only with packages of the system. Tests that need a missing program are skipped, or fail
if TESTS_INSIST is set. `.ci/run` installs the programs and sets it, so that no test is skipped there.
"""

import asyncio
import os
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest


async def next_line(stream: asyncio.StreamReader | None) -> bytes:
    """The next line that a process writes to a pipe of this one."""
    assert stream is not None, "the process has no such pipe"
    return await stream.readline()


def needed(*names: str, files: Collection[Path] = ()) -> pytest.MarkDecorator:
    """A marker that skips the test if a program or a file is missing and TESTS_INSIST is not set."""
    missing = [name for name in names if shutil.which(name) is None]
    missing += [path.name for path in files if not path.exists()]
    skips = bool(missing) and "TESTS_INSIST" not in os.environ
    return pytest.mark.skipif(skips, reason=f"not installed: {', '.join(missing)}")
