"""Live feeds: the number of cameras that can each allocate, upload and register a segment per second."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import psutil
from grpc import aio

from bench import feeds
from bench.benchmarks import Options
from bench.corpus import Metadata
from bench.feeds import Outcome, Plan
from bench.figure import AtLeast, AtMost, Figure
from bench.running.processes import cpu_seconds
from bench.running.system import running_system
from bench.webhooks.subscribers import Subscribers, running_subscribers

_STEPS: Final = (25, 50, 100, 150, 200, 300, 400, 600, 800, 1000)
# A step that fails is tried again, because the machine may have been busy.
_TRIES: Final = 2
_WARM_UP: Final = 1
_SECONDS: Final = 4
_WATCHED: Final = 5
_OBJECT_BYTES: Final = 10_000
_MAX_P99_MS: Final = 50.0
_MAX_VISIBLE_MS: Final = 100.0
_AIM: Final = 1000


@dataclass(frozen=True)
class Step:
    """A number of feeds, their outcome, and the fraction of a core that each process used."""

    feeds: int
    outcome: Outcome
    cores: Mapping[str, float]

    @property
    def held(self) -> bool:
        """True if the system kept up with the feeds."""
        found = self.outcome
        return not found.errors and not found.late and found.register_p99_ms < _MAX_P99_MS

    def detail(self) -> dict[str, object]:
        """All values of the step."""
        return {
            "feeds": self.feeds,
            "held": self.held,
            "cores": self.cores,
            **msgspec.to_builtins(self.outcome),
        }


async def run(_options: Options, folder: Path) -> list[Figure]:
    """Steps up to the first number of feeds that is too high."""
    steps: list[Step] = []
    async with running_system(folder) as system, running_subscribers(system, folder) as subscribers:
        await subscribers.register(1)
        async with aio.insecure_channel(f"127.0.0.1:{system.metadata.port}") as channel:
            metadata = Metadata(channel)
            flow_ids = [await metadata.new_flow() for _ in range(_AIM)]
        for count in _STEPS:
            for _ in range(_TRIES):
                steps.append(await _step(subscribers, flow_ids[:count], len(steps)))
                if steps[-1].held:
                    break
            if not steps[-1].held:
                break
    held = [step for step in steps if step.held]
    if not held:
        raise RuntimeError(f"{_STEPS[0]} feeds are too many: {steps[0].detail()}")
    return _figures(held[-1], steps)


async def _step(subscribers: Subscribers, flow_ids: list[str], number: int) -> Step:
    system = subscribers.system
    measured = [*system.processes, subscribers.events, subscribers.sink]
    storage = psutil.Process(system.storage.pid)
    plan = Plan(
        port=system.gateway.port,
        flow_ids=flow_ids,
        first_second=number * 100,
        warm_up=_WARM_UP,
        seconds=_SECONDS,
        watched=_WATCHED,
        object_bytes=_OBJECT_BYTES,
    )
    before, stored = cpu_seconds(measured), sum(storage.cpu_times()[:2])
    started = time.perf_counter()
    outcome = await feeds.run(plan)
    seconds = time.perf_counter() - started
    after = cpu_seconds(measured)
    used = {name: after[name] - before[name] for name in before}
    used |= {"storage": sum(storage.cpu_times()[:2]) - stored, "cameras": outcome.cpu_seconds}
    cores = {name: round(value / seconds, 3) for name, value in used.items()}
    return Step(len(flow_ids), outcome, cores)


def _figures(best: Step, steps: list[Step]) -> list[Figure]:
    return [
        Figure(
            name=f"live feeds with p99 of registration under {_MAX_P99_MS:g} ms and no error",
            value=best.feeds,
            unit="feeds",
            target=AtLeast(_AIM),
            detail={"steps": [step.detail() for step in steps]},
        ),
        Figure(
            name=f"from registration to the live edge with {best.feeds} feeds, longest",
            value=best.outcome.visible_max_ms,
            unit="ms",
            target=AtMost(_MAX_VISIBLE_MS),
            detail=best.detail(),
        ),
    ]
