"""A VAST cluster in one process, in memory, for tests and trials."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from simulators.vast.control import running_control
from simulators.vast.endpoints.faults import slow
from simulators.vast.server import DEFAULT_VERSION, Options, running_server
from simulators.vast.tables.transactions import IDLE_SECONDS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators.vast", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, action="append", help="once for each endpoint; 0 picks one")
    parser.add_argument("--bucket", action="append", help="a bucket that exists; vastdb unless given")
    parser.add_argument("--row-conflicts", choices=["statement", "commit", "unnoticed"], default="statement")
    parser.add_argument("--missing-rows", choices=["ignored", "refused"], default="ignored")
    parser.add_argument(
        "--reads", choices=["begin", "latest"], default="begin", help="the state that reads see"
    )
    parser.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS, help="how long transactions live")
    parser.add_argument("--first-txid", type=int, help="the number of the first transaction")
    parser.add_argument("--delay", type=float, default=0, help="seconds that each request takes longer")
    parser.add_argument("--control-port", type=int, help="where faults are asked for; 0 picks one")
    parser.add_argument("--access-key-file", type=Path, help="with the next one: check signatures")
    parser.add_argument("--secret-key-file", type=Path)
    parser.add_argument("--server-version", default=".".join(map(str, DEFAULT_VERSION)))
    return parser


def _options(given: argparse.Namespace) -> Options:
    secrets = None
    if given.access_key_file is not None:
        secrets = {given.access_key_file.read_text().strip(): given.secret_key_file.read_text().strip()}
    major, minor, patch, protocol = (int(part) for part in given.server_version.split("."))
    return Options(
        host=given.host,
        ports=given.port or [0],
        buckets=given.bucket or ["vastdb"],
        secrets=secrets,
        version=(major, minor, patch, protocol),
        vips=(given.host,),
        row_conflicts=given.row_conflicts,
        missing_rows=given.missing_rows,
        reads=given.reads,
        idle_seconds=given.idle_seconds,
        first_txid=given.first_txid,
    )


def main(arguments: Sequence[str]) -> None:
    """Runs a server until a signal ends it. Prints its URLs when it listens, the control URL last."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    given = _parser().parse_args(arguments)
    with running_server(_options(given)) as server, ExitStack() as stack:
        if given.delay:
            server.add_fault(slow(given.delay))
        urls = list(server.urls)
        if given.control_port is not None:
            urls.append(stack.enter_context(running_control(server, given.control_port)))
        sys.stdout.write("".join(f"{url}\n" for url in urls))
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
