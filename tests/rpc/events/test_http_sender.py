"""Messages by HTTP: permitted addresses, certificates, redirects, kept connections, and answers."""

import asyncio
import gc
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from services.events.adapters import connections, guarded_network
from services.events.adapters.guarded_network import Resolve, Resolver
from services.events.adapters.http_sender import HttpSender, create_ssl_context
from services.events.application.ports import Undelivered
from services.events.domain.subscriber import Message, Settled, Subscriber
from services.shared.addresses import Addresses
from services.shared.errors import StartupError
from simulators.vast.http.listening import stop_listening
from tests.support.events.sink import running_sink
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports

# Serves a connection until it ends.
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
MESSAGE = Message(7, "flow", 0, b'{"event_type":"flows/created"}')


def a_subscriber(url: str, name: str = "one", **headers: str) -> Subscriber:
    return Subscriber(name, url, headers, Settled(0))


@asynccontextmanager
async def running_sender(
    networks: str = "127.0.0.0/8",
    *,
    resolve: Resolve | None = None,
    ca_file: str = "",
    timeout_seconds: float = 60.0,
    lanes: int = 2,
) -> AsyncIterator[HttpSender]:
    resolver = Resolver()
    sender = HttpSender(
        Addresses.parse(networks),
        resolve or resolver,
        timeout_seconds=timeout_seconds,
        max_idle=lanes,
        ssl_context=create_ssl_context(ca_file),
    )
    async with sender:
        yield sender
    resolver.close()


@asynccontextmanager
async def running_server(
    serve: Serve, *, port: int = 0, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The address of a server on loopback that runs `serve` for each connection."""
    tasks: list[asyncio.Task[None]] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", port, ssl=ssl_context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await stop_listening(server)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def next_request(reader: asyncio.StreamReader) -> bytes:
    """Read the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def answering_server(*replies: bytes, **options: Any) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that sends the replies in turn and then repeats the last: its address and its requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await next_request(reader))
            writer.write(replies[min(len(requests), len(replies)) - 1])
            await writer.drain()

    async with running_server(serve, **options) as host:
        yield host, requests


def redirecting(status: str, location: str) -> bytes:
    return f"HTTP/1.1 {status} x\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode("latin-1")


async def send_error(sender: HttpSender, url: str) -> str:
    """The error with which a message is not delivered to the URL."""
    with pytest.raises(Undelivered) as caught:
        await sender.send(a_subscriber(url), MESSAGE)
    return str(caught.value)


async def test_a_message_has_its_id_its_key_and_the_host_in_its_headers() -> None:
    async with running_sink() as sink, running_sender() as sender:
        await sender.send(a_subscriber(sink.url, Authorization="Bearer secret"), MESSAGE)
    (headers,) = sink.headers
    assert headers["host"] == sink.url.split("/")[2]
    assert headers["Authorization"] == "Bearer secret"
    assert headers["content-type"] == "application/json"
    assert headers["tams-event-id"] == "7"
    assert sink.events == [{"event_type": "flows/created"}]


@pytest.mark.parametrize("status", ["300", "303", "304", "400", "401", "404", "410", "429", "500", "503"])
async def test_a_status_other_than_success_is_an_error(status: str) -> None:
    reply = f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n".encode()
    async with answering_server(reply) as (host, _), running_sender() as sender:
        assert await send_error(sender, f"http://{host}/") == f"answered {status}"


async def test_an_informational_answer_is_not_a_success() -> None:
    reply = b"HTTP/1.1 199 x\r\ncontent-length: 0\r\n\r\n"
    async with answering_server(reply) as (host, _), running_sender(timeout_seconds=0.2) as sender:
        assert await send_error(sender, f"http://{host}/") in (
            "no answer within 0.2 s",
            "cannot connect in time",
        )


@pytest.mark.parametrize(
    "reply", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", b"\0" * 200_000]
)
async def test_a_malformed_answer_is_an_error(reply: bytes) -> None:
    async with answering_server(reply) as (host, _), running_sender(timeout_seconds=1) as sender:
        await send_error(sender, f"http://{host}/")


async def test_a_refused_connection_and_a_missing_answer_are_distinguished() -> None:
    (unused_port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with running_sender() as sender:
            assert "ConnectError" in await send_error(sender, f"http://127.0.0.1:{unused_port}/")
        async with running_sender(timeout_seconds=0.2) as sender:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            assert await send_error(sender, url) in ("no answer within 0.2 s", "cannot connect in time")


async def test_a_handshake_that_is_not_answered_leaves_no_connection_open() -> None:
    disconnected = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the sender disconnects
        disconnected.set()

    gc.disable()
    try:
        async with running_server(serve) as host, running_sender(timeout_seconds=0.4) as sender:
            assert await send_error(sender, f"https://{host}/") == "cannot connect in time"
            async with asyncio.timeout(10):
                await disconnected.wait()
    finally:
        gc.enable()


async def test_the_body_of_a_reply_is_not_read_to_its_end() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with running_server(serve) as host, running_sender() as sender:
        await sender.send(a_subscriber(f"http://{host}/"), MESSAGE)


async def test_a_connection_is_kept_for_its_subscriber() -> None:
    opened = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        while True:
            await next_request(reader)
            writer.write(NO_CONTENT)

    async with running_server(serve) as host, running_sender() as sender:
        for name in ("one", "two", "one"):
            await sender.send(a_subscriber(f"http://{host}/", name), MESSAGE)
        assert len(opened) == 2
        await sender.disconnect(a_subscriber(f"http://{host}/", "one"))
        await sender.send(a_subscriber(f"http://{host}/", "one"), MESSAGE)
        assert len(opened) == 3


async def test_the_most_recently_used_connection_is_used_next() -> None:
    used = []
    together = asyncio.Barrier(2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await next_request(reader)
            used.append(writer)
            if len(used) <= together.parties:
                await together.wait()
            writer.write(NO_CONTENT)

    async with running_server(serve) as host, running_sender() as sender:
        subscriber = a_subscriber(f"http://{host}/")
        await asyncio.gather(*(sender.send(subscriber, MESSAGE) for _ in range(2)))
        for _ in range(3):
            await sender.send(subscriber, MESSAGE)
    assert len(set(used[:2])) == 2
    assert len(set(used[2:])) == 1


async def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    closed = asyncio.Event()
    opened = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        await next_request(reader)
        writer.write(NO_CONTENT)
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with running_server(serve) as host, running_sender() as sender:
        for _ in range(2):
            await sender.send(a_subscriber(f"http://{host}/"), MESSAGE)
            await closed.wait()
            closed.clear()
    assert len(opened) == 2


async def test_no_more_connections_stay_open_than_there_are_lanes() -> None:
    opened, ended, all_connected = [], [], asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        try:
            await next_request(reader)
            await all_connected.wait()
            writer.write(NO_CONTENT)
            await next_request(reader)
        finally:
            ended.append(writer)

    async with running_server(serve) as host, running_sender(lanes=2) as sender:
        sends = [asyncio.create_task(sender.send(a_subscriber(f"http://{host}/"), MESSAGE)) for _ in range(5)]
        await until(lambda: len(opened) == 5)
        all_connected.set()
        await asyncio.gather(*sends)
        await until(lambda: len(ended) == 3)


async def test_a_connection_in_use_is_closed_after_a_disconnect() -> None:
    began, may_answer, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next_request(reader)
        began.set()
        await may_answer.wait()
        writer.write(NO_CONTENT)
        assert await reader.read() == b""
        ended.set()

    async with running_server(serve) as host, running_sender() as sender:
        subscriber = a_subscriber(f"http://{host}/")
        sent = asyncio.create_task(sender.send(subscriber, MESSAGE))
        await began.wait()
        await sender.disconnect(subscriber)
        may_answer.set()
        await sent
        await until(ended.is_set)


@pytest.mark.parametrize("status", ["301", "302", "307", "308"])
async def test_redirects_within_the_origin_are_followed_with_message_and_key(status: str) -> None:
    async with (
        answering_server(redirecting(status, "/new"), NO_CONTENT) as (host, requests),
        running_sender() as sender,
    ):
        await sender.send(a_subscriber(f"http://{host}/hook", Key="secret"), MESSAGE)
    assert [request.split()[1] for request in requests] == [b"/hook", b"/new"]
    assert b"Key: secret" in requests[1]
    assert requests[1].endswith(MESSAGE.body)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://127.0.0.2:{port}/", "another origin"),
        ("http://localhost:{port}/", "another origin"),
        ("https://127.0.0.1:{port}/", "another origin"),
        ("http://127.0.0.1/", "another origin"),
        ("//169.254.169.254/latest", "another origin"),
        ("http://user@127.0.0.1:{port}/", "another origin"),
        ("file:///etc/passwd", "another origin"),
        ("http://[", "not a URL"),
        ("http://127.0.0.1:x/", "not a URL"),
        ("/\xff", "not a URL"),
        ("/again", "too often"),
    ],
)
async def test_redirects_to_other_origins_and_loops_are_not_followed(location: str, reason: str) -> None:
    (port,) = free_ports(1)
    reply = redirecting("307", location.format(port=port))
    async with answering_server(reply, port=port) as (host, requests), running_sender() as sender:
        assert reason in await send_error(sender, f"http://{host}/hook")
    assert len(requests) == (4 if reason == "too often" else 1)


async def test_no_connection_is_opened_to_a_forbidden_address() -> None:
    async with answering_server(NO_CONTENT) as (host, requests), running_sender("") as sender:
        assert "not permitted" in await send_error(sender, f"http://{host}/")
        assert "not permitted" in await send_error(sender, f"http://localhost:{host.split(':')[1]}/")
        assert "not permitted" in await send_error(sender, f"http://[::ffff:127.0.0.1]:{host.split(':')[1]}/")
    assert requests == []


async def test_addresses_outside_the_listed_networks_are_forbidden() -> None:
    async with answering_server(NO_CONTENT) as (host, requests), running_sender("10.0.0.0/8") as sender:
        assert "not permitted" in await send_error(sender, f"http://{host}/")
    assert requests == []


async def test_a_name_is_resolved_and_checked_for_every_connection() -> None:
    """The address of a name may be outside at registration, and inside later (DNS rebinding)."""
    async with answering_server(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n") as (host, requests):
        answers = [["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "10.0.0.1"], ["127.0.0.1"]]
        looked_up = []

        async def resolve(name: str, _port: int) -> list[str]:
            looked_up.append(name)
            return answers[len(looked_up) - 1]

        url = f"http://sink.example:{host.split(':')[1]}/"
        async with running_sender(resolve=resolve) as sender:
            await sender.send(a_subscriber(url), MESSAGE)
            assert "169.254.169.254, which is not permitted" in await send_error(sender, url)
            assert "10.0.0.1, which is not permitted" in await send_error(sender, url)
            await sender.send(a_subscriber(url), MESSAGE)
    assert looked_up == ["sink.example"] * 4
    assert [request.split(b"host: ")[1].split(b":")[0] for request in requests] == [b"sink.example"] * 2


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    async with answering_server(NO_CONTENT) as (host, requests):

        async def resolve(_name: str, _port: int) -> list[str]:
            return ["127.0.0.1"]

        # No resolver knows this name, so the connection must use the address that was checked.
        async with running_sender(resolve=resolve) as sender:
            await sender.send(a_subscriber(f"http://no.such.name.invalid:{host.split(':')[1]}/"), MESSAGE)
    assert len(requests) == 1


async def test_the_next_address_is_tried_if_one_does_not_answer() -> None:
    async with answering_server(NO_CONTENT) as (host, requests):

        async def resolve(_name: str, _port: int) -> list[str]:
            return ["127.0.0.3", "127.0.0.1"]

        async with running_sender(resolve=resolve) as sender:
            await sender.send(a_subscriber(f"http://sink.example:{host.split(':')[1]}/"), MESSAGE)
    assert len(requests) == 1


@pytest.mark.parametrize("name", ["no.such.name.invalid", "a" * 70 + ".example", "a..b"])
async def test_a_name_that_cannot_be_resolved_is_an_error(name: str) -> None:
    async with running_sender(timeout_seconds=5) as sender:
        # If the name servers do not answer, the lookup takes longer than the timeout.
        assert re.search("cannot resolve|no answer|in time", await send_error(sender, f"http://{name}/"))


async def test_a_name_without_addresses_is_an_error() -> None:
    async def resolve(_name: str, _port: int) -> list[str]:
        return []

    async with running_sender(resolve=resolve) as sender:
        assert "no address" in await send_error(sender, "http://sink.example/")


async def test_a_slow_lookup_runs_once_and_delays_no_other_name() -> None:
    looked_up = []
    release = asyncio.Event()

    async def resolve(name: str, _port: int) -> list[str]:
        looked_up.append(name)
        if name == "slow.example":
            await release.wait()
        return ["127.0.0.1"]

    async with (
        answering_server(NO_CONTENT) as (host, requests),
        running_sender(resolve=resolve, timeout_seconds=0.2) as sender,
    ):
        slow = a_subscriber("http://slow.example/", "slow")
        for _ in range(3):
            with pytest.raises(Undelivered, match=r"no answer|in time"):
                await sender.send(slow, MESSAGE)
        quick = a_subscriber(f"http://quick.example:{host.split(':')[1]}/", "quick")

        async def delivered() -> bool:
            with suppress(Undelivered):
                await sender.send(quick, MESSAGE)
                return True
            return False

        await until(delivered)
        release.set()
    assert looked_up[0] == "slow.example"
    assert set(looked_up[1:]) == {"quick.example"}
    assert requests


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The paths of a self-signed certificate for sink.example and of its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "sink.pem", folder / "sink.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=sink"]
    command += ["-addext", "subjectAltName=DNS:sink.example"]
    command += ["-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run(command, check=True, capture_output=True)
    return paths


async def resolve_to_loopback(_name: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    ("name", "trusts", "reason"),
    [
        ("sink.example", True, None),
        ("sink.example", False, "CERTIFICATE_VERIFY_FAILED"),
        ("other.example", True, "CERTIFICATE_VERIFY_FAILED"),
    ],
)
async def test_a_server_must_have_a_trusted_certificate_for_its_name(
    certificate: tuple[Path, Path], name: str, trusts: bool, reason: str | None
) -> None:
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(*certificate)
    ca_file = str(certificate[0]) if trusts else ""
    async with (
        answering_server(NO_CONTENT, ssl_context=server_context) as (host, requests),
        running_sender(resolve=resolve_to_loopback, ca_file=ca_file) as sender,
    ):
        url = f"https://{name}:{host.split(':')[1]}/"
        if reason is None:
            await sender.send(a_subscriber(url), MESSAGE)
        else:
            assert reason in await send_error(sender, url)
    assert len(requests) == (reason is None)


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_an_unreadable_file_of_authorities_is_a_startup_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StartupError, match=r"ca\.pem: \w"):
        create_ssl_context(str(path))


def test_the_text_of_a_subscriber_does_not_contain_its_key() -> None:
    assert "secret" not in f"{a_subscriber('http://x', Key='secret')!r}"


async def test_a_key_that_a_reply_repeats_is_not_in_the_error() -> None:
    async with answering_server(b"Bearer-secret 200 what\r\n\r\n") as (host, _), running_sender() as sender:
        with pytest.raises(Undelivered) as caught:
            await sender.send(a_subscriber(f"http://{host}/", Authorization="Bearer-secret"), MESSAGE)
    assert "Bearer-secret" not in str(caught.value)
    assert len(str(caught.value)) <= 300
    assert not caught.value.answered


async def test_simultaneous_lookups_of_a_name_share_one_query(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up, release = [], threading.Event()

    def look_up(host: str, _port: int) -> list[str]:
        looked_up.append(threading.current_thread().name.rpartition("_")[0])
        release.wait(30)
        return ["127.0.0.1"]

    monkeypatch.setattr(guarded_network, "_look_up", look_up)
    resolver = Resolver()
    for pool_name in ("resolve", "resolve-known"):
        release.clear()
        waiting = [asyncio.ensure_future(resolver("known.example", 80)) for _ in range(9)]
        await until(lambda: looked_up)
        waiting.pop().cancel()
        release.set()
        assert await asyncio.gather(*waiting) == [["127.0.0.1"]] * 8
        assert looked_up == [pool_name]
        looked_up.clear()
    resolver.close()


async def test_slow_lookups_delay_neither_addresses_nor_known_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up, release = [], threading.Event()

    def look_up(host: str, _port: int) -> list[str]:
        looked_up.append(host)
        if host.endswith(".slow"):
            release.wait(30)
            raise OSError("no such name")
        return ["127.0.0.1"]

    monkeypatch.setattr(guarded_network, "_look_up", look_up)
    resolver = Resolver()
    assert await resolver("known.example", 80) == ["127.0.0.1"]
    slow = [asyncio.ensure_future(resolver(f"{number}.slow", 80)) for number in range(200)]
    await until(lambda: len(looked_up) > 40)
    assert await resolver("known.example", 80) == ["127.0.0.1"]
    assert await resolver("127.0.0.1", 80) == ["127.0.0.1"]
    assert await resolver("::1", 80) == ["::1"]
    release.set()
    assert {str(error) for error in await asyncio.gather(*slow, return_exceptions=True)} == {"no such name"}
    resolver.close()


async def test_the_number_of_idle_connections_to_all_subscribers_is_bounded() -> None:
    async with answering_server(NO_CONTENT) as (host, _), running_sender() as sender:
        sender.idle_limit = connections.IdleLimit(3)
        subscribers = [a_subscriber(f"http://{host}/", str(number)) for number in range(6)]
        for subscriber in subscribers:
            await sender.send(subscriber, MESSAGE)
        assert sender.idle_limit.count == 3
        for subscriber in subscribers:
            await sender.disconnect(subscriber)
        assert sender.idle_limit.count == 0
