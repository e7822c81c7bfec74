"""`python -m bench [NAME …]`: run the benchmarks; exit code 1 for a missed target or a failure."""

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import uvloop

from bench import benchmarks, report
from bench.benchmarks import Options
from bench.figure import Figure

NAMES = [module.name for module in iter_modules(benchmarks.__path__)]


def main() -> None:
    """Run the benchmarks that the command line names, or all without names."""
    arguments = _arguments()
    # Processes are started while channels are open. Without this, gRPC logs a line for each of them.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    options = Options(rounds=arguments.rounds, seconds=arguments.seconds, segments=arguments.segments)
    about = report.machine()
    figures: list[Figure] = []
    failed: list[str] = []
    for name in arguments.names or NAMES:
        try:
            figures += _measure(name, options)
        except RuntimeError as error:
            failed.append(name)
            print(f"{name} failed: {error}", file=sys.stderr)
    path = report.write(figures, about, dataclasses.asdict(options))
    print(f"\n{report.table(figures)}\n\nwritten to {path.relative_to(Path.cwd())}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    sys.exit(any(figure.met is False for figure in figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=5, help="alternated rounds, default 5")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each load, default 2")
    parser.add_argument("--segments", type=int, default=1_000_000, help="in the long flow, default 1000000")
    return parser.parse_args()


def _measure(name: str, options: Options) -> list[Figure]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tams-bench-") as folder:
        run = import_module(f"{benchmarks.__name__}.{name}").run
        figures: list[Figure] = uvloop.run(run(options, Path(folder)))
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    for figure in figures:
        print(f"  {figure.name}: {figure.value:.4g} {figure.unit}", file=sys.stderr)
    return figures


if __name__ == "__main__":
    main()
