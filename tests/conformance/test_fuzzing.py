"""Requests made up by schemathesis: no server error, no answer that the OpenAPI document does not allow.

Examples and edge cases of every operation, requests at random, and chains in which an answer feeds the
next request. schemathesis.toml says which checks are off, and why.
"""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.support.gateway import running_gateway, running_services

HERE = Path(__file__).parent


# Each has a time of its own: on a slow machine the later phases are cut short, but none is left out for the
# sake of those that make up requests one by one.
@pytest.mark.slow
@pytest.mark.parametrize(("phases", "seconds"), [("examples,coverage,fuzzing", 30), ("stateful", 15)])
async def test_no_request_upsets_the_store(tmp_path, seaweedfs, phases, seconds):
    (tmp_path / "store").mkdir()
    async with (
        running_services(tmp_path / "store", seaweedfs) as services,
        running_gateway(**services) as tams,
    ):
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={HERE / 'schemathesis.toml'}",
            "run",
            f"{tams.base_url}/openapi.json",
            f"--phases={phases}",
            f"--max-time={seconds}",
            "--no-color",
            # Caches and the like stay here.
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"), "NO_PROXY": "*"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    first = phases.partition(",")[0].title()
    assert re.search(f"\u2705 +{first}\\b", said.decode())
