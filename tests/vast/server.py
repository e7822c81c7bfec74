"""A VAST cluster in one process: endpoints over one state, in memory, for tests and for trying it out."""

import argparse
import asyncio
import signal
import sys
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.vast.database import Database
from tests.vast.endpoint import Endpoint
from tests.vast.faults import Fault
from tests.vast.transactions import RowConflicts

T = TypeVar("T")

DEFAULT_VERSION = (5, 5, 0, 0)
# How long starting or stopping an endpoint may take.
_SECONDS = 60
_TURNS = 5


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a server is set up; without secrets, signatures are not looked at."""

    host: str = "127.0.0.1"
    ports: Sequence[int] = (0,)
    buckets: Sequence[str] = ("vastdb",)
    secrets: Mapping[str, str] | None = None
    version: tuple[int, int, int, int] = DEFAULT_VERSION
    vips: Sequence[str] = ("127.0.0.1",)
    row_conflicts: RowConflicts = "statement"


class Server:
    """A running cluster; its methods may be called from any thread but its own."""

    def __init__(
        self, database: Database, endpoints: Sequence[Endpoint], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.endpoints = list(endpoints)
        self._database, self._loop = database, loop

    @property
    def urls(self) -> list[str]:
        """One URL for each endpoint."""
        return [endpoint.url for endpoint in self.endpoints]

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Yields a counter that holds, when the block ends, the requests to all endpoints within it."""
        total = Counter[str]()
        with ExitStack() as stack:
            counters = [stack.enter_context(endpoint.requests.counting()) for endpoint in self.endpoints]
            yield total
        for counter in counters:
            total.update(counter)

    def add_fault(self, fault: Fault) -> None:
        """Asks for a fault that hits the next requests to whichever endpoint."""
        for endpoint in self.endpoints:
            endpoint.faults.add(fault)

    def clear_faults(self) -> None:
        """Forgets the faults of every endpoint."""
        for endpoint in self.endpoints:
            endpoint.faults.clear()

    def stop(self, *endpoints: Endpoint) -> None:
        """Makes endpoints, or all, refuse connections."""
        for endpoint in endpoints or self.endpoints:
            self._run(endpoint.close())

    def start(self, *endpoints: Endpoint) -> None:
        """Lets stopped endpoints, or all, listen again where they did."""
        for endpoint in endpoints or self.endpoints:
            self._run(endpoint.listen(endpoint.host, endpoint.port))

    def restart(self) -> None:
        """Stops and starts the database: what was committed stays, open transactions are gone."""
        self.stop()
        self._run(self._forget_transactions())
        self.start()

    async def _forget_transactions(self) -> None:
        self._database.transactions.forget_all()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=_SECONDS)


@contextmanager
def running_server(options: Options | None = None) -> Iterator[Server]:
    """Yields a server that runs in a thread of its own until the block ends."""
    options = options or Options()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="vast-server")
    thread.start()
    database = Database(frozenset(options.buckets), options.version, options.vips)
    database.transactions.row_conflicts = options.row_conflicts
    endpoints = [Endpoint(database, options.secrets) for _ in options.ports]
    try:
        for endpoint, port in zip(endpoints, options.ports, strict=True):
            asyncio.run_coroutine_threadsafe(endpoint.listen(options.host, port), loop).result(
                timeout=_SECONDS
            )
        yield Server(database, endpoints, loop)
    finally:
        asyncio.run_coroutine_threadsafe(_shut_down(endpoints), loop).result(timeout=_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _shut_down(endpoints: Sequence[Endpoint]) -> None:
    for endpoint in endpoints:
        await endpoint.close()
        endpoint.release()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # Connections close in turns of the loop that come after.
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.vast.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, action="append", help="once for each endpoint; 0 picks one")
    parser.add_argument("--bucket", action="append", help="a bucket that exists; vastdb unless given")
    parser.add_argument("--row-conflicts", choices=["statement", "commit", "unnoticed"], default="statement")
    parser.add_argument("--access-key-file", type=Path, help="with the next one: check signatures")
    parser.add_argument("--secret-key-file", type=Path)
    parser.add_argument("--server-version", default=".".join(map(str, DEFAULT_VERSION)))
    given = parser.parse_args(arguments)
    if (given.access_key_file is None) != (given.secret_key_file is None):
        parser.error("--access-key-file and --secret-key-file go together")
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
    )


def main(arguments: Sequence[str]) -> None:
    """Runs a server until it is asked to end; prints one URL a line once it listens."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with running_server(_options(arguments)) as server:
        sys.stdout.write("".join(f"{url}\n" for url in server.urls))
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
