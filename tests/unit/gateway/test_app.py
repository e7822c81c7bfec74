"""The application against requests as the server hands them over."""

import logging
from types import SimpleNamespace

import msgspec
import pytest

from gateway.app import App
from gateway.http import responses
from gateway.http.routing import Route, Router
from services.shared import logs
from services.shared.errors import NotFound


class Protocol:
    """Keeps what is sent."""

    def response_empty(self, status, headers):
        self.status, self.headers, self.body = status, dict(headers), b""

    def response_bytes(self, status, headers, body):
        self.status, self.headers, self.body = status, dict(headers), body


async def fine(request):
    return responses.json(b'{"id":"%b"}' % logs.request_id.get().encode())


async def failing(request):
    raise NotFound("no such thing", reason="NOTHING")


async def broken(request):
    raise ValueError("a secret of ours")


ROUTES = [Route("/fine", get=fine), Route("/failing", get=failing), Route("/broken", get=broken)]


async def answer(path, method="GET", *, access_log=False, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    scope = SimpleNamespace(method=method, path=path, query_string="", headers=headers)
    protocol = Protocol()
    await App(Router(ROUTES), access_log=access_log).__rsgi__(scope, protocol)
    return protocol


async def test_the_request_id_is_known_while_the_request_is_handled():
    response = await answer("/fine", x_request_id="mine")
    assert (response.status, response.body) == (200, b'{"id":"mine"}')
    assert response.headers["x-request-id"] == "mine"


async def test_errors_are_told():
    response = await answer("/failing")
    assert response.status == 404
    assert msgspec.json.decode(response.body)["type"] == "NOTHING"


async def test_faults_of_ours_are_logged_and_not_told(caplog):
    response = await answer("/broken")
    assert response.status == 500
    assert msgspec.json.decode(response.body)["summary"] == "internal error"
    (record,) = caplog.records
    assert record.exc_info[0] is ValueError
    assert record.path == "/broken"


@pytest.mark.parametrize("path", ["/fine", "/failing", "/broken"])
async def test_head_has_the_length_of_the_body_it_leaves_out(path):
    head = await answer(path, "HEAD", x_request_id="mine")
    assert head.body == b""
    assert int(head.headers["content-length"]) > 0


async def test_there_is_a_log_line_for_each_request_only_if_asked_for(caplog):
    caplog.set_level(logging.INFO)
    await answer("/fine")
    assert caplog.records == []
    await answer("/failing", access_log=True)
    (record,) = caplog.records
    assert (record.method, record.path, record.status) == ("GET", "/failing", 404)
    assert record.ms >= 0
