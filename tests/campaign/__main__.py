"""Run a campaign: `python -m tests.campaign`. The exit code is 1 if there are findings, 0 otherwise."""

import argparse
import asyncio
import functools
import secrets
import sys
import tempfile
from pathlib import Path

from tests.campaign.campaign import run
from tests.campaign.plan import DATABASE_FAULTS, FAULTS, Plan
from tests.campaign.report import Report
from tests.support.services.engine import ENGINES


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="duration of the run")
    parser.add_argument("--operations", type=int, default=10**9, help="end after about this many operations")
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of a run")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite", help="the engine of the tables")
    parser.add_argument("--metadata", type=int, default=3, help="metadata processes, with the tables on VAST")
    parser.add_argument("--faults", help="kinds of faults, separated by commas, or none (default: all)")
    parser.add_argument("--fault-seconds", type=float, default=10.0, help="average pause between faults")
    parser.add_argument("--check-minutes", type=float, default=3.0, help="pause between complete comparisons")
    parser.add_argument("--workers", type=int, default=6, help="number of concurrent requests")
    parser.add_argument("--worlds", type=int, default=10, help="independent groups of flows")
    parser.add_argument("--folder", type=Path, help="folder for data and logs (default: a temporary folder)")
    return parser.parse_args()


def main() -> int:
    """Run a campaign, and print its summary."""
    arguments = _arguments()
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    on_vast = arguments.engine == "vast"
    all_faults = ",".join((*FAULTS, *(DATABASE_FAULTS if on_vast else ())))
    faults = () if arguments.faults == "none" else tuple((arguments.faults or all_faults).split(","))
    report = Report(seed, functools.partial(print, flush=True))
    with tempfile.TemporaryDirectory(prefix="tams-campaign-") as temporary:
        plan = Plan(
            seed=seed,
            folder=arguments.folder or Path(temporary),
            minutes=arguments.minutes,
            operations=arguments.operations,
            faults=faults,
            fault_seconds=arguments.fault_seconds,
            check_minutes=arguments.check_minutes,
            workers=arguments.workers,
            worlds=arguments.worlds,
            engine=arguments.engine,
            metadata=arguments.metadata if on_vast else 1,
        )
        asyncio.run(run(plan, report))
    report.write(report.summary())
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
