"""HTTPS of the gateway: versions, certificates, renewals, and clients that do not finish a handshake."""

# ruff: noqa: ARG002 - every handler takes the request

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
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
from services.shared.errors import StartupError
from services.shared.process.telemetry import Telemetry
from tests.support.access.authority import DAY, Authority, Issued
from tests.support.access.handshakes import TLS_1_1, TLS_1_2, TLS_1_3, context_for, handshake
from tests.support.processes.polling import until

LINKS = Links("", fallback_host="x")


class Server:
    """A server with the paths /, which answers with its URL, and /waits, which answers once it may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.waiting = 0

    async def own_url(self, request: Request) -> Response:
        return responses.json(LINKS.base(request).encode())

    async def waits(self, request: Request) -> Response:
        self.waiting += 1
        await self.may_answer.wait()
        return responses.json(b"2")

    @asynccontextmanager
    async def running(self, **settings: Any) -> AsyncIterator["Server"]:
        chosen = Settings(**({"port": 0, "grace_seconds": 2} | settings))
        connections = Connections(chosen.max_held_bytes, chosen.unread_seconds)
        router = Router([Route("/", get=self.own_url), Route("/waits", get=self.waits)])
        app = App(router, Origins("", LINKS), connections, telemetry=Telemetry("gateway"), access_log=False)
        async with serving(app, connections, chosen) as server:
            self.port = server.port
            yield self

    def client(self, authority: Authority, scheme: str = "https") -> httpx.AsyncClient:
        trusted = ssl.create_default_context(cafile=authority.file)
        return httpx.AsyncClient(
            base_url=f"{scheme}://127.0.0.1:{self.port}", verify=trusted, trust_env=False, timeout=60
        )

    async def shown(self, authority: Authority) -> bytes:
        """The certificate that the server shows."""
        context = context_for(authority.file, TLS_1_3, "http/1.1")
        return (await asyncio.to_thread(handshake, self.port, context))[1]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server() -> Server:
    return Server()


async def test_requests_are_answered_and_links_begin_with_https(server: Server, authority: Authority) -> None:
    async with server.running(**authority.issue("gateway").https), server.client(authority) as client:
        for _ in range(2):
            answer = await client.get("/")
            assert (answer.status_code, answer.text) == (200, f"https://127.0.0.1:{server.port}")


@pytest.mark.parametrize(("version", "is_accepted"), [(TLS_1_1, False), (TLS_1_2, True), (TLS_1_3, True)])
async def test_tls_1_1_is_refused(
    server: Server, authority: Authority, version: ssl.TLSVersion, *, is_accepted: bool
) -> None:
    context = context_for(authority.file, version, "http/1.1")
    async with server.running(**authority.issue("gateway").https):
        try:
            agreed, _ = await asyncio.to_thread(handshake, server.port, context)
        except ssl.SSLError:
            agreed = None
    assert (agreed == "http/1.1") is is_accepted


async def test_only_http_1_1_is_agreed(server: Server, authority: Authority) -> None:
    both = context_for(authority.file, TLS_1_3, "http/1.1")
    both.set_alpn_protocols(["h2", "http/1.1"])
    async with server.running(**authority.issue("gateway").https):
        assert (await asyncio.to_thread(handshake, server.port, both))[0] == "http/1.1"


@pytest.mark.parametrize("kind", ["foreign", "expired", "not valid yet", "another name"])
async def test_clients_refuse_a_wrong_certificate_and_the_server_serves_on(
    server: Server, authority: Authority, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "foreign").mkdir()
    foreign = Authority(tmp_path / "foreign")
    issued = {
        "foreign": lambda: foreign.issue("gateway"),
        "expired": lambda: authority.issue("gateway", begins=-2 * DAY, ends=-DAY),
        "not valid yet": lambda: authority.issue("gateway", begins=DAY, ends=2 * DAY),
        "another name": lambda: authority.issue("gateway", hosts=["store.example"]),
    }[kind]()
    async with server.running(**issued.https):
        async with server.client(authority) as client:
            for _ in range(3):
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.get("/")
        if kind == "foreign":
            async with server.client(foreign) as client:
                assert (await client.get("/")).status_code == 200


async def test_plain_text_is_no_answer_and_others_are_served(server: Server, authority: Authority) -> None:
    async with server.running(**authority.issue("gateway").https), server.client(authority) as secure:
        async with server.client(authority, "http") as plain:
            for _ in range(3):
                with pytest.raises(httpx.TransportError):
                    await plain.get("/")
        assert (await secure.get("/")).status_code == 200


async def test_tls_to_a_plain_port_is_refused_and_others_are_served(
    server: Server, authority: Authority
) -> None:
    async with server.running(), server.client(authority, "http") as plain:
        async with server.client(authority) as secure:
            with pytest.raises(httpx.TransportError):
                await secure.get("/")
        assert (await plain.get("/")).status_code == 200


async def test_clients_that_never_finish_a_handshake_do_not_keep_others_out(
    server: Server, authority: Authority
) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01"
    with contextlib.ExitStack() as stack:
        async with server.running(**authority.issue("gateway").https):
            silent = [
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(300)
            ]
            for connection in silent[::2]:
                connection.sendall(hello)
            for _ in range(5):
                async with server.client(authority) as client:
                    assert (await client.get("/", timeout=5)).status_code == 200
            for connection in silent[:2]:
                await asyncio.to_thread(_until_closed, connection)


def _until_closed(connection: socket.socket) -> None:
    connection.settimeout(60)
    with contextlib.suppress(ConnectionError):
        while connection.recv(4096):
            pass


async def test_a_renewed_certificate_is_shown_and_requests_in_progress_end(
    server: Server, authority: Authority
) -> None:
    issued = authority.issue("gateway")
    async with server.running(**issued.https), server.client(authority) as client:
        for number in range(2):
            pending = asyncio.ensure_future(client.get("/waits"))

            async def is_waiting(count: int = number + 1) -> bool:
                return server.waiting == count

            await until(is_waiting)
            fresh = authority.issue(f"fresh-{number}")
            issued.replace(fresh)
            expected = ssl.PEM_cert_to_DER_cert(fresh.cert.read_text())

            async def is_shown(expected: bytes = expected) -> bool:
                return await server.shown(authority) == expected

            await until(is_shown, pause=0.1)
            assert not pending.done()
            server.may_answer.set()
            assert (await pending).text == "2"
            server.may_answer.clear()
            assert (await client.get("/")).status_code == 200


async def test_requests_are_served_all_the_time_while_certificates_are_renewed(
    server: Server, authority: Authority
) -> None:
    """On new connections, and on those that were open before."""
    issued = authority.issue("gateway")
    async with server.running(**issued.https), server.client(authority) as lasting:
        first, seen = await server.shown(authority), set[bytes]()
        while len(seen) < 4:
            async with server.client(authority) as client:
                assert (await client.get("/")).status_code == 200
            assert (await lasting.get("/")).status_code == 200
            shown = await server.shown(authority)
            if shown not in seen:
                seen.add(shown)
                issued.replace(authority.issue(f"fresh-{len(seen)}"))
        assert first in seen


async def test_a_pair_that_does_not_fit_is_logged_and_the_old_one_stays(
    server: Server, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    issued = authority.issue("gateway")
    async with server.running(**issued.https):
        before = await server.shown(authority)
        issued.key.write_bytes(authority.issue("other").key.read_bytes())
        await until(lambda: "the old one stays" in caplog.text)
        assert await server.shown(authority) == before
    assert [record.levelno for record in caplog.records if "stays" in record.getMessage()] == [
        logging.WARNING
    ]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"tls_key": ""}, "TAMS_GATEWAY_TLS_CERT, TAMS_GATEWAY_TLS_KEY belong together"),
        ({"tls_cert": ""}, "TAMS_GATEWAY_TLS_CERT is not set"),
        ({"tls_cert": "/nowhere"}, "TAMS_GATEWAY_TLS_CERT: cannot read /nowhere: No such file"),
        ({"tls_key": "/nowhere"}, "TAMS_GATEWAY_TLS_KEY: cannot read /nowhere: No such file"),
    ],
)
async def test_settings_that_do_not_fit_are_a_startup_error(
    server: Server, authority: Authority, wrong: dict[str, str], reason: str
) -> None:
    with pytest.raises(StartupError, match=reason):
        async with server.running(**(authority.issue("gateway").https | wrong)):
            pass


async def test_a_key_of_another_certificate_is_a_startup_error(server: Server, authority: Authority) -> None:
    mixed = Issued(authority.issue("gateway").cert, authority.issue("other").key)
    with pytest.raises(StartupError, match="the key does not belong to the certificate"):
        async with server.running(**mixed.https):
            pass
