"""The HTTP server against clients that read slowly, or do not send or read at all."""

# ruff: noqa: ARG002 - every handler takes the request

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.app import App
from gateway.http import responses
from gateway.http.links import Links
from gateway.http.origins import Origins
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.routing import Route, Router
from gateway.http.wire.connections import Connections
from gateway.server import serving
from gateway.settings import Settings
from services.shared.process.telemetry import Telemetry
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.processes.programs import next_line

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux describes sockets")

LARGE = b'"%b"' % (b"x" * 4 * 1024 * 1024)
HALF = b"GET / HTTP/1.1\r\nHo"
WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Server:
    """A server with three paths: a small answer, a large one, and one that waits for `may_answer`."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()

    async def small(self, request: Request) -> Response:
        return responses.json(b"1")

    async def large(self, request: Request) -> Response:
        return responses.json(LARGE)

    async def waits(self, request: Request) -> Response:
        await self.may_answer.wait()
        return responses.json(b"2")

    @asynccontextmanager
    async def running(self, **settings: Any) -> AsyncIterator["Server"]:
        defaults: dict[str, Any] = {"port": 0, "grace_seconds": 2, "idle_seconds": 600}
        all_settings = Settings(**(defaults | settings))
        self.connections = Connections(all_settings.max_held_bytes, all_settings.unread_seconds)
        routes = [
            Route("/", get=self.small), Route("/large", get=self.large), Route("/waits", get=self.waits)
        ]  # fmt: skip
        origins = Origins("", Links("", fallback_host="x"))
        app = App(Router(routes), origins, self.connections, telemetry=Telemetry("gateway"), access_log=False)
        async with serving(app, self.connections, all_settings) as server:
            self.port = server.port
            yield self

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}")

    def connect(self, sent: bytes) -> socket.socket:
        """A connection with a small receive buffer, as on a slow network, on which `sent` was sent."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(sent)
        connection.setblocking(False)
        return connection


def get_request(path: str) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()


async def read_rest(connection: socket.socket, size: int = 65536) -> bytes:
    """Read until the server closes the connection."""
    loop, received = asyncio.get_running_loop(), b""
    try:
        while piece := await asyncio.wait_for(loop.sock_recv(connection, size), 60):
            received += piece
    except ConnectionError:
        pass
    connection.close()
    return received


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.mark.parametrize("bytes_a_second", [0, 20])
async def test_a_client_that_does_not_read_its_answer_is_disconnected(
    server: Server, bytes_a_second: int
) -> None:
    async with server.running(unread_seconds=0.5):
        reader = server.connect(get_request("/large"))
        await until(lambda: server.connections.outgoing.bytes)

        async def disconnected() -> bool:
            if bytes_a_second:
                try:
                    await asyncio.wait_for(asyncio.get_running_loop().sock_recv(reader, 1), 60)
                except ConnectionError:
                    return True
            return server.connections.outgoing.bytes == 0

        await until(disconnected, pause=1 / (bytes_a_second or 20))
        assert len(await read_rest(reader)) < len(LARGE)


async def test_a_client_that_keeps_reading_gets_the_whole_answer(server: Server) -> None:
    async with server.running(unread_seconds=0.5):
        reader = server.connect(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await read_rest(reader, 4096)).endswith(LARGE)


async def test_unread_answers_use_up_the_room_for_others(server: Server) -> None:
    async with server.running(max_held_bytes=len(LARGE) + 1000, unread_seconds=600):
        reader = server.connect(get_request("/large"))
        await until(lambda: server.connections.outgoing.bytes)
        refused = await server.get("/large")
        assert (refused.status_code, refused.json()["type"]) == (503, "OVERLOADED")
        assert refused.headers["retry-after"] == "1"
        assert (await server.get("/")).status_code == 200
        reader.close()

        async def served() -> bool:
            return (await server.get("/large")).content == LARGE

        await until(served)


async def test_clients_that_do_not_read_are_disconnected_early_if_room_is_needed(server: Server) -> None:
    async with server.running(max_held_bytes=len(LARGE) + 1000, unread_seconds=600):
        reader = server.connect(get_request("/large"))
        await until(lambda: server.connections.outgoing.bytes)

        async def served() -> bool:
            return (await server.get("/large")).is_success

        await until(served, pause=0.2)
        assert len(await read_rest(reader)) < len(LARGE)


async def test_answers_that_were_read_leave_room_again(server: Server) -> None:
    async with server.running(max_held_bytes=4 * len(LARGE)):
        for _ in range(12):
            assert (await server.get("/large")).content == LARGE
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            for _ in range(12):
                assert (await client.get(f"http://127.0.0.1:{server.port}/large")).content == LARGE


@pytest.mark.parametrize("sent", [b"", HALF, WHOLE])
async def test_idle_connections_are_closed_for_others_and_open_requests_are_not(
    server: Server, sent: bytes
) -> None:
    async with server.running(max_connections=8):
        waiting = server.connect(get_request("/waits").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await until(lambda: server.connections.active_scopes)
        idle = [server.connect(sent) for _ in range(40)]
        assert (await server.get("/")).content == b"1"
        more = [server.connect(sent) for _ in range(40)]
        assert (await server.get("/")).content == b"1"
        server.may_answer.set()
        assert (await read_rest(waiting)).endswith(b"2")
        for connection in (*idle, *more):
            connection.close()


async def test_a_low_limit_of_open_files_limits_connections_and_is_logged(server: Server) -> None:
    (server.port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'ulimit -n 128; exec "$0" -m gateway', sys.executable),
        env={"TAMS_GATEWAY_PORT": str(server.port), "TAMS_GATEWAY_DRAIN_SECONDS": "0"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        line = await next_line(process.stderr)
        assert b"the limit of open files allows" in line

        async def listens() -> bool:
            try:
                return (await server.get("/")).is_success
            except httpx.HTTPError:
                return False

        await until(listens)
        idle = [server.connect(HALF) for _ in range(200)]
        assert (await server.get("/")).is_success
        for connection in idle:
            connection.close()
    finally:
        process.terminate()
        await process.communicate()
