"""The application, called with requests as the server passes them."""

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from gateway.app import App
from gateway.http import responses
from gateway.http.links import Links
from gateway.http.origins import Origins
from gateway.http.requests import Request
from gateway.http.responses import File, Response
from gateway.http.routing import Route, Router
from gateway.http.rsgi import Protocol, RawHeader
from gateway.http.wire import sockets
from gateway.http.wire.connections import Connections
from services.shared.errors import NotFound
from services.shared.process import logs
from services.shared.process.telemetry import Telemetry
from tests.support.requests import empty_body, scope_of, send


class RecordingProtocol(Protocol):
    """Records the answer."""

    def __init__(self) -> None:
        super().__init__(empty_body, send)
        self.body = b""
        self.path = ""

    def response_empty(self, status: int, headers: Sequence[RawHeader]) -> None:
        self.status, self.headers, self.body = status, _texts(headers), b""

    def response_bytes(self, status: int, headers: Sequence[RawHeader], body: bytes) -> None:
        self.status, self.headers, self.body = status, _texts(headers), body

    def response_file(self, status: int, headers: Sequence[RawHeader], path: str) -> None:
        self.status, self.headers, self.path = status, _texts(headers), path


def _texts(headers: Sequence[RawHeader]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


async def succeed(request: Request) -> Response:
    return responses.json(b'{"id":"%b"}' % logs.request_id.get().encode())


async def fail_with_not_found(request: Request) -> Response:
    raise NotFound("no such thing", reason="NOTHING")


async def raise_value_error(request: Request) -> Response:
    raise ValueError("a secret of ours")


async def send_large(request: Request) -> Response:
    return responses.json(b'"%b"' % (b"x" * 20_000))


async def send_file(request: Request) -> Response:
    return Response(200, file=File(Path("large.js"), size=2_000_000, changed=0))


ROUTES = [
    Route("/filed", get=send_file),
    Route("/fine", get=succeed),
    Route("/failing", get=fail_with_not_found),
    Route("/broken", get=raise_value_error),
    Route("/large", get=send_large, post=send_large),
]


async def answer(
    path: str,
    method: str = "GET",
    *,
    access_log: bool = False,
    connections: Connections | None = None,
    **headers: str,
) -> RecordingProtocol:
    scope = scope_of({"host": "a", **headers}, method=method, path=path)
    protocol = RecordingProtocol()
    origins = Origins("", Links("", fallback_host="a"))
    connections = connections or Connections(1, 60)
    await App(
        Router(ROUTES), origins, connections, telemetry=Telemetry("gateway"), access_log=access_log
    ).__rsgi__(scope, protocol)
    return protocol


async def test_the_request_id_is_known_while_the_request_is_handled() -> None:
    response = await answer("/fine", x_request_id="mine")
    assert (response.status, response.body) == (200, b'{"id":"mine"}')
    assert response.headers["x-request-id"] == "mine"


async def test_an_error_has_its_status_and_body() -> None:
    response = await answer("/failing")
    assert response.status == 404
    assert msgspec.json.decode(response.body)["type"] == "NOTHING"


async def test_only_reads_are_answered_overloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    unread = sockets.Accepted("another", -1, 0, has_unread=True, sent_seconds=0, received_seconds=0)
    monkeypatch.setattr(sockets, "accepted", lambda _port: [unread])
    connections = Connections(1, 60)
    connections.outgoing.add("another", 50_000)
    assert (await answer("/large", connections=connections)).status == 503
    assert (await answer("/large", "POST", connections=connections)).status == 200


async def test_unexpected_errors_are_logged_and_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    response = await answer("/broken")
    assert response.status == 500
    assert msgspec.json.decode(response.body)["summary"] == "internal error"
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError
    assert vars(record)["path"] == "/broken"


async def test_a_file_is_sent_by_its_path_and_counts_only_its_bytes_read_ahead() -> None:
    connections = Connections(1, 60)
    response = await answer("/filed", connections=connections)
    assert (response.status, response.path) == (200, "large.js")
    assert response.headers["content-length"] == "2000000"
    assert 300_000 < connections.outgoing.bytes < 2_000_000


@pytest.mark.parametrize("path", ["/fine", "/failing", "/broken", "/filed"])
async def test_head_has_the_length_of_the_body_that_it_omits(path: str) -> None:
    head = await answer(path, "HEAD", x_request_id="mine")
    assert head.body == b""
    assert int(head.headers["content-length"]) > 0


async def test_requests_are_logged_only_if_configured(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await answer("/fine")
    assert caplog.records == []
    await answer("/failing", access_log=True)
    (record,) = caplog.records
    logged = vars(record)
    assert (logged["method"], logged["path"], logged["status"]) == ("GET", "/failing", 404)
    assert logged["ms"] >= 0
