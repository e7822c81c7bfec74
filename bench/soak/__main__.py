"""`python -m bench.soak --minutes 30 --feeds 200`: a store under steady work, and what grows in it.

`tams up` runs as users run it. Each feed records a segment every few seconds, webhooks get all events, old
segments are deleted, and analytics answers questions. A line is printed after each turn. At the end memory,
open files, latency and the age of the outbox of the last third are compared with those of the middle third.
Memory that is not flat is held against the cache of the process, if it has one that takes hours to fill.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import httpx
import psutil
import uvloop

from bench.running import processes
from bench.soak.growth import growth
from bench.soak.recording import Recording
from bench.soak.samples import Sample, sample
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports

_TURN_SEGMENTS: Final = 20
_KEPT_SEGMENTS: Final = 60
_WEBHOOKS: Final = 5
_PORTS: Final = (
    "TAMS_GATEWAY_PORT", "TAMS_METADATA_PORT", "TAMS_MEDIA_PORT", "TAMS_ANALYTICS_PORT", "TAMS_EVENTS_PORT",
)  # fmt: skip


def main() -> None:
    """Run the soak and print its result."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--feeds", type=int, default=200)
    parser.add_argument("--period", type=float, default=2.0, help="seconds between two segments of a feed")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tams-soak-") as folder:
        samples = uvloop.run(_soak(Path(folder), chosen.minutes, chosen.feeds, chosen.period))
    sys.exit(_report(samples))


async def _soak(folder: Path, minutes: float, feed_count: int, period: float) -> list[Sample]:
    port, sink_port, *others = free_ports(2 + len(_PORTS) - 1)
    env = {
        "TAMS_DATA_DIR": str(folder / "data"),
        "TAMS_WEBHOOK_NETWORKS": "127.0.0.0/8",
        **{name: str(number) for name, number in zip(_PORTS, (port, *others), strict=True)},
    }
    with (
        processes.running("sink", sink_port, ["bench.webhooks.sink", str(sink_port)], folder) as sink,
        processes.running("tams", port, ["client.cli", "up"], folder, env) as store,
    ):
        await sink.listening()
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            await until(lambda: _is_up(client))
            recording = Recording(client, port, segments=_TURN_SEGMENTS, period=period, kept=_KEPT_SEGMENTS)
            urls = [f"http://127.0.0.1:{sink_port}/{number}" for number in range(_WEBHOOKS)]
            await recording.begin(feed_count, urls)
            return await _turns(recording, psutil.Process(store.popen.pid), client, minutes)


async def _turns(
    recording: Recording, runner: psutil.Process, client: httpx.AsyncClient, minutes: float
) -> list[Sample]:
    samples: list[Sample] = []
    started = time.monotonic()
    while time.monotonic() < started + 60 * minutes:
        samples.append(await sample(runner, client, await recording.turn()))
        print(f"{(time.monotonic() - started) / 60:5.1f} min  {_line(samples[-1])}", flush=True)
    return samples


async def _is_up(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health")).is_success
    except httpx.HTTPError:
        return False


def _line(found: Sample) -> str:
    memory = " ".join(f"{name} {size:.0f}" for name, size in sorted(found.memory.items()))
    first_error = f" ({found.first_error})" if found.first_error else ""
    return (
        f"{found.segments} segments, {found.errors} errors{first_error}, {found.late} late;"
        f" register p50 {found.register_p50_ms:.1f} p99 {found.register_p99_ms:.1f} ms;"
        f" outbox {found.outbox_age_seconds:.1f} s; files {sum(found.files.values())}; MiB: {memory}"
    )


def _report(samples: list[Sample]) -> int:
    """Print the comparison; 1 if there were errors."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third] or samples, samples[2 * third :]
    print(f"\n{sum(found.segments for found in samples)} segments, errors {_errors(samples)}")
    for name in sorted(last[-1].memory):
        found = growth(samples, name)
        sizes = f"first {found.first:.0f}, middle third {found.middle:.0f}, last third {found.last:.0f} MiB"
        print(f"memory of {name}: {sizes}; {found.verdict}")
    for label, part in (("middle", middle), ("last", last)):
        files = sorted({sum(found.files.values()) for found in part})
        p99 = sorted(found.register_p99_ms for found in part)[len(part) // 2]
        age = max(found.outbox_age_seconds for found in part)
        print(f"{label} third: files {files[0]} to {files[-1]}, p99 {p99:.1f} ms, oldest event {age:.1f} s")
    return int(_errors(samples) > 0)


def _errors(samples: list[Sample]) -> int:
    return sum(found.errors for found in samples)


if __name__ == "__main__":
    main()
