"""`python -m bench.inventory --objects 1000000`: `tams doctor --objects` on many objects.

The tables are a SQLite file. The bucket is a stand-in that lists objects without bytes. A few objects are
lost and left over, and the command must find exactly these. A line is printed for each number of objects:
compare the memory of two.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import uvloop

from bench.inventory.objects import PREFIX, is_left_over, is_lost, key
from bench.inventory.peaks import Peaks
from bench.inventory.tables import fill
from bench.running import processes
from bench.running.processes import Process
from bench.running.system import STORAGE_ID
from tests.support.processes.ports import free_ports
from tests.support.storage.seaweedfs import write_storage_config


def main() -> None:
    """Compare each number of objects, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.inventory")
    parser.add_argument("--objects", type=int, nargs="+", default=[100_000, 1_000_000])
    for count in parser.parse_args().objects:
        with tempfile.TemporaryDirectory(prefix="tams-inventory-") as folder:
            print(uvloop.run(measure(Path(folder), count)), flush=True)


async def measure(folder: Path, count: int) -> str:
    """The figures of one comparison, as text. RuntimeError if it found anything else than there is."""
    database = folder / "tables.db"
    await fill(database, STORAGE_ID, count)
    (port,) = free_ports(1)
    command = ["bench.inventory.bucket", str(port), str(count)]
    with processes.running("bucket", port, command, folder) as bucket:
        await bucket.listening()
        return _compared(folder, bucket, count)


def _compared(folder: Path, bucket: Process, count: int) -> str:
    temporary = folder / "temporary"
    temporary.mkdir()
    env = {
        "TAMS_STORE_URL": f"sqlite:///{folder / 'tables.db'}",
        "TAMS_MEDIA_STORAGE_CONFIG": str(_storage_config(folder, bucket.port)),
        "TMPDIR": str(temporary),
    }
    began = time.monotonic()
    with processes.running("doctor", 0, ["client.cli", "doctor", "--objects"], folder, env) as doctor:
        peaks = Peaks(psutil.Process(doctor.popen.pid), temporary)
        peaks.wait()
        doctor.popen.wait()
    seconds = time.monotonic() - began
    _check(doctor.log.read_text().splitlines(), count)
    return _line(count, seconds, peaks, bucket.cpu_seconds())


def _storage_config(folder: Path, port: int) -> Path:
    (folder / "key").write_text("bench")
    backend = {
        "id": STORAGE_ID,
        "label": "bucket",
        "provider": "local",
        "store_product": "a listing",
        "endpoint_url": f"http://127.0.0.1:{port}",
        "bucket": "bench",
        "prefix": PREFIX,
        "access_key_file": "key",
        "secret_key_file": "key",
    }
    return write_storage_config(folder / "storage.json", backend)


def _check(output: Sequence[str], count: int) -> None:
    """RuntimeError unless the command named all lost and left over objects, and no others."""
    for kind, judge in (("lost", is_lost), ("left over", is_left_over)):
        expected = {key(number) for number in range(count) if judge(number)}
        named = [line.rpartition("/bench/")[2] for line in output if line.startswith(f"{kind} ")]
        if len(named) != len(expected) or set(named) != expected:
            raise RuntimeError(f"{len(named)} of {len(expected)} objects are named as {kind}: {output[-5:]}")


def _line(count: int, seconds: float, peaks: Peaks, bucket_seconds: float) -> str:
    memory = ", ".join(f"{name} {size:.0f}" for name, size in sorted(peaks.memory.items()))
    cpu = sum(peaks.cpu_seconds.values())
    return (
        f"{count} objects: {seconds:.0f} s, {1e6 * seconds / count:.0f} us each;"
        f" CPU {1e6 * cpu / count:.0f} us each, and {1e6 * bucket_seconds / count:.0f} of the bucket;"
        f" temporary file {peaks.file_bytes / count:.0f} bytes each; most MiB: {memory}"
    )


if __name__ == "__main__":
    main()
