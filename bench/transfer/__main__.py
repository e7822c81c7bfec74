"""`python -m bench.transfer`: a Transfer on stdin, its Outcome on stdout, both in JSON."""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

import boto3
import msgspec
from boto3.s3.transfer import TransferConfig

from bench.transfer import Outcome, Transfer
from client.api import TamsClient, UploadRules


async def _by_client(transfer: Transfer) -> float:
    rules = UploadRules(part_bytes=transfer.part_bytes, parallel=transfer.parallel)
    async with TamsClient(transfer.store) as store:
        started = time.perf_counter()
        (allocated,) = await store.allocate_storage(transfer.flow_id, object_ids=[transfer.name])
        await store.files.upload(allocated, Path(transfer.file), rules)
        return time.perf_counter() - started


def _by_boto3(transfer: Transfer) -> float:
    (backend,) = json.loads(Path(transfer.storage_config).read_text())
    client = boto3.client(
        "s3",
        endpoint_url=backend["endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id=Path(backend["access_key_file"]).read_text(),
        aws_secret_access_key=Path(backend["secret_key_file"]).read_text(),
    )
    config = TransferConfig(
        multipart_threshold=transfer.part_bytes,
        multipart_chunksize=transfer.part_bytes,
        max_concurrency=transfer.parallel,
    )
    started = time.perf_counter()
    client.upload_file(transfer.file, backend["bucket"], transfer.name, Config=config)
    return time.perf_counter() - started


if __name__ == "__main__":
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Transfer)
    seconds = asyncio.run(_by_client(plan)) if plan.store else _by_boto3(plan)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.buffer.write(msgspec.json.encode(Outcome(seconds=seconds, peak_mb=peak)))
