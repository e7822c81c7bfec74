"""Sets the faults of a server in another process, and takes its snapshots.

Requests are JSON, on a port that stays open if endpoints stop.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from simulators.vast.endpoints.endpoint import Endpoint
from simulators.vast.endpoints.faults import Fault
from simulators.vast.http.refusals import Refusal

if TYPE_CHECKING:
    from simulators.vast.server import Server

Body = dict[str, Any]


@contextmanager
def running_control(server: "Server", port: int) -> Iterator[str]:
    """Yields the URL at which faults of the server are set, until the block ends.

    `endpoints` in a body are numbers from 0. Without them, all endpoints are meant.
    """
    listener = ThreadingHTTPServer(("127.0.0.1", port), _handler(server))
    thread = threading.Thread(target=listener.serve_forever, name="vast-control")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _add(server: "Server", body: Body) -> None:
    fault = _fault({name: body[name] for name in body if name != "endpoints"})
    for endpoint in _endpoints(server, body):
        endpoint.faults.add(fault)


def _clear(server: "Server", body: Body) -> None:
    for endpoint in _endpoints(server, body):
        endpoint.faults.clear()


def _stop(server: "Server", body: Body) -> None:
    server.stop(*_endpoints(server, body))


def _start(server: "Server", body: Body) -> None:
    server.start(*_endpoints(server, body))


def _restart(server: "Server", body: Body) -> None:
    server.restart()


def _take_snapshot(server: "Server", body: Body) -> None:
    server.take_snapshot(**body)


def _requests(server: "Server", body: Body) -> list[dict[str, int]]:
    return [dict(endpoint.requests.counts()) for endpoint in server.endpoints]


_ROUTES: Mapping[tuple[str, str], Callable[["Server", Body], Any]] = {
    ("POST", "/faults"): _add,
    ("DELETE", "/faults"): _clear,
    ("POST", "/stop"): _stop,
    ("POST", "/start"): _start,
    ("POST", "/restart"): _restart,
    ("POST", "/snapshots"): _take_snapshot,
    ("GET", "/requests"): _requests,
}


def _endpoints(server: "Server", body: Body) -> list[Endpoint]:
    return [server.endpoints[number] for number in body.get("endpoints", range(len(server.endpoints)))]


def _fault(members: Body) -> Fault:
    status = members.pop("status", None)
    if status is not None:
        members["refusal"] = Refusal(status, members.pop("code", "Asked"), "set by a test")
    return Fault(**members)


def _handler(server: "Server") -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            try:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or "{}")
                answer = json.dumps(_ROUTES[self.command, self.path](server, body))
                status = HTTPStatus.OK
            except (KeyError, IndexError, TypeError, ValueError) as error:
                status, answer = HTTPStatus.BAD_REQUEST, json.dumps(repr(error))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer.encode())))
            self.end_headers()
            self.wfile.write(answer.encode())

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
            pass

    return Handler
