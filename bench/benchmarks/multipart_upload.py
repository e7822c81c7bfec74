"""Upload of a file of one GiB in parts, compared with boto3 and its threads."""

import asyncio
import os
import subprocess
import sys
import uuid
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from grpc import aio

from bench.benchmarks import Options
from bench.corpus import Metadata
from bench.figure import AtLeast, AtMost, Figure
from bench.running.processes import inherited
from bench.running.system import System, running_system
from bench.transfer import Outcome, Transfer

_FILE_BYTES: Final = 1024**3
_BLOCK_BYTES: Final = 1024**2
_PART_BYTES: Final = 16 * 1024**2
_PARALLEL: Final = 4


async def run(options: Options, folder: Path) -> list[Figure]:
    """The rate of the client as a fraction of that of boto3, and the memory of the client."""
    file = folder / "file"
    await asyncio.to_thread(_write, file)
    async with running_system(folder) as system:
        async with aio.insecure_channel(f"127.0.0.1:{system.metadata.port}") as channel:
            flow_id = await Metadata(channel).new_flow()
        # The first of each is not counted: it fills the caches of the file and of the modules.
        rounds = [await _round(system, file, flow_id) for _ in range(options.rounds + 1)][1:]
    ratios = [boto3.seconds / client.seconds for client, boto3 in rounds]
    peak = max(client.peak_mb for client, _ in rounds)
    detail = {
        name: [msgspec.to_builtins(pair[index]) for pair in rounds]
        for index, name in ((0, "client"), (1, "boto3"))
    }
    return [
        Figure(
            name="upload of 1 GiB in parts, rate",
            value=median(ratios),
            unit="x boto3",
            target=AtLeast(0.85),
            detail=detail,
        ),
        Figure(name="the same, memory of the client", value=peak, unit="MB", target=AtMost(200)),
    ]


def _write(file: Path) -> None:
    """Random bytes, a different block each time."""
    with file.open("wb") as out:
        for _ in range(_FILE_BYTES // _BLOCK_BYTES):
            out.write(os.urandom(_BLOCK_BYTES))


async def _round(system: System, file: Path, flow_id: str) -> tuple[Outcome, Outcome]:
    """An upload by the client, then one by boto3."""
    client = Transfer(
        file=str(file),
        name=str(uuid.uuid4()),
        part_bytes=_PART_BYTES,
        parallel=_PARALLEL,
        store=f"http://127.0.0.1:{system.gateway.port}",
        flow_id=flow_id,
    )
    config = str(file.parent / "storage.json")
    boto3 = msgspec.structs.replace(client, name=str(uuid.uuid4()), store="", storage_config=config)
    return await _outcome(client), await _outcome(boto3)


async def _outcome(transfer: Transfer) -> Outcome:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "bench.transfer"],
        input=msgspec.json.encode(transfer),
        env=inherited(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Outcome)
