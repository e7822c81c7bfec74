"""Messages go to permitted addresses, to servers that are who they say, and are taken or not."""

import asyncio
import gc
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from services.events.adapters.guarded_network import Resolver
from services.events.adapters.http_sender import HttpSender, trusting
from services.events.application.ports import Undelivered
from services.events.domain.subscriber import Message, Subscriber
from services.shared.addresses import Addresses
from services.shared.errors import StartupError
from tests.support.listening import stop_listening
from tests.support.polling import until
from tests.support.ports import free_ports
from tests.support.sink import running_sink

TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
MESSAGE = Message(7, "flow", 0, b'{"event_type":"flows/created"}')


def a_subscriber(url, name="one", **headers):
    return Subscriber(name, url, headers, 0)


@asynccontextmanager
async def sending(networks="127.0.0.0/8", *, resolve=None, ca_file="", timeout_seconds=60.0, lanes=2):
    resolver = Resolver()
    sender = HttpSender(
        Addresses.parse(networks),
        resolve or resolver,
        timeout_seconds=timeout_seconds,
        lanes=lanes,
        trusted=trusting(ca_file),
    )
    async with sender:
        yield sender
    resolver.close()


@asynccontextmanager
async def serving(serve, *, port=0, trusted=None) -> AsyncIterator[str]:
    """A server on loopback, and its address; `serve` has a connection for itself while it lasts."""
    serves = []

    async def accept(reader, writer):
        serves.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", port, ssl=trusted)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await stop_listening(server)
        for one in serves:
            one.cancel()
        await asyncio.gather(*serves, return_exceptions=True)


async def requested(reader) -> bytes:
    """The next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def answering(*replies: bytes, **how) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that gives these replies in turn, the last one again and again, and what it got."""
    got = []

    async def serve(reader, writer):
        while True:
            got.append(await requested(reader))
            writer.write(replies[min(len(got), len(replies)) - 1])
            await writer.drain()

    async with serving(serve, **how) as host:
        yield host, got


def redirecting(status: str, location: str) -> bytes:
    return f"HTTP/1.1 {status} x\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode("latin-1")


async def refused(sender, url) -> str:
    with pytest.raises(Undelivered) as caught:
        await sender.send(a_subscriber(url), MESSAGE)
    return str(caught.value)


async def test_a_message_comes_with_its_id_its_key_and_the_right_host():
    async with running_sink() as sink, sending() as sender:
        await sender.send(a_subscriber(sink.url, Authorization="Bearer secret"), MESSAGE)
    (headers,) = sink.headers
    assert headers["host"] == sink.url.split("/")[2]
    assert headers["Authorization"] == "Bearer secret"
    assert headers["content-type"] == "application/json"
    assert headers["tams-event-id"] == "7"
    assert sink.events == [{"event_type": "flows/created"}]


@pytest.mark.parametrize("status", ["300", "303", "304", "400", "401", "404", "410", "429", "500", "503"])
async def test_only_a_success_is_one(status):
    reply = f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n".encode()
    async with answering(reply) as (host, _), sending() as sender:
        assert await refused(sender, f"http://{host}/") == f"answered {status}"


async def test_what_only_announces_an_answer_is_no_success():
    reply = b"HTTP/1.1 199 x\r\ncontent-length: 0\r\n\r\n"
    async with answering(reply) as (host, _), sending(timeout_seconds=0.2) as sender:
        assert await refused(sender, f"http://{host}/") in (
            "no answer within 0.2 s",
            "cannot connect in time",
        )


@pytest.mark.parametrize(
    "reply", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", b"\0" * 200_000]
)
async def test_what_is_not_http_is_no_success(reply):
    async with answering(reply) as (host, _), sending(timeout_seconds=1) as sender:
        await refused(sender, f"http://{host}/")


async def test_nobody_there_and_nobody_answering_are_told_apart():
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with sending() as sender:
            assert "ConnectError" in await refused(sender, f"http://127.0.0.1:{port}/")
        async with sending(timeout_seconds=0.2) as sender:
            where = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            assert await refused(sender, where) in ("no answer within 0.2 s", "cannot connect in time")


async def test_a_handshake_that_is_not_answered_leaves_no_connection_open():
    left = asyncio.Event()

    async def serve(reader, writer):
        await reader.read()  # until the other side goes
        left.set()

    gc.disable()
    try:
        async with serving(serve) as host, sending(timeout_seconds=0.4) as sender:
            assert await refused(sender, f"https://{host}/") == "cannot connect in time"
            async with asyncio.timeout(10):
                await left.wait()
    finally:
        gc.enable()


async def test_a_reply_without_end_is_not_waited_for():
    async def serve(reader, writer):
        await requested(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with serving(serve) as host, sending() as sender:
        await sender.send(a_subscriber(f"http://{host}/"), MESSAGE)


async def test_connections_are_kept_and_are_each_subscribers_own():
    opened = []

    async def serve(reader, writer):
        opened.append(writer)
        while True:
            await requested(reader)
            writer.write(TAKEN)

    async with serving(serve) as host, sending() as sender:
        for name in ("one", "two", "one"):
            await sender.send(a_subscriber(f"http://{host}/", name), MESSAGE)
        assert len(opened) == 2
        await sender.leave(a_subscriber(f"http://{host}/", "one"))
        await sender.send(a_subscriber(f"http://{host}/", "one"), MESSAGE)
        assert len(opened) == 3


async def test_the_connection_used_last_is_used_next():
    used = []
    together = asyncio.Barrier(2)

    async def serve(reader, writer):
        while True:
            await requested(reader)
            used.append(writer)
            if len(used) <= together.parties:
                await together.wait()
            writer.write(TAKEN)

    async with serving(serve) as host, sending() as sender:
        subscriber = a_subscriber(f"http://{host}/")
        await asyncio.gather(*(sender.send(subscriber, MESSAGE) for _ in range(2)))
        for _ in range(3):
            await sender.send(subscriber, MESSAGE)
    assert len(set(used[:2])) == 2
    assert len(set(used[2:])) == 1


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again():
    closed = asyncio.Event()
    opened = []

    async def serve(reader, writer):
        opened.append(writer)
        await requested(reader)
        writer.write(TAKEN)
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with serving(serve) as host, sending() as sender:
        for _ in range(2):
            await sender.send(a_subscriber(f"http://{host}/"), MESSAGE)
            await closed.wait()
            closed.clear()
    assert len(opened) == 2


async def test_no_more_connections_stay_open_than_there_are_lanes():
    opened, ended, everyone = [], [], asyncio.Event()

    async def serve(reader, writer):
        opened.append(writer)
        try:
            await requested(reader)
            await everyone.wait()
            writer.write(TAKEN)
            await requested(reader)
        finally:
            ended.append(writer)

    async with serving(serve) as host, sending(lanes=2) as sender:
        sends = [asyncio.create_task(sender.send(a_subscriber(f"http://{host}/"), MESSAGE)) for _ in range(5)]
        await until(lambda: len(opened) == 5)
        everyone.set()
        await asyncio.gather(*sends)
        await until(lambda: len(ended) == 3)


async def test_a_connection_in_use_is_closed_once_its_subscriber_was_left():
    began, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve(reader, writer):
        await requested(reader)
        began.set()
        await go_on.wait()
        writer.write(TAKEN)
        assert await reader.read() == b""
        ended.set()

    async with serving(serve) as host, sending() as sender:
        subscriber = a_subscriber(f"http://{host}/")
        sent = asyncio.create_task(sender.send(subscriber, MESSAGE))
        await began.wait()
        await sender.leave(subscriber)
        go_on.set()
        await sent
        await until(ended.is_set)


@pytest.mark.parametrize("status", ["301", "302", "307", "308"])
async def test_redirects_within_the_origin_are_followed_with_message_and_key(status):
    async with answering(redirecting(status, "/new"), TAKEN) as (host, got), sending() as sender:
        await sender.send(a_subscriber(f"http://{host}/hook", Key="secret"), MESSAGE)
    assert [request.split()[1] for request in got] == [b"/hook", b"/new"]
    assert b"Key: secret" in got[1]
    assert got[1].endswith(MESSAGE.body)


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
        ("http://[", "no URL"),
        ("http://127.0.0.1:x/", "no URL"),
        ("/\xff", "no URL"),
        ("/again", "too often"),
    ],
)
async def test_redirects_elsewhere_are_not_followed(location, reason):
    (port,) = free_ports(1)
    reply = redirecting("307", location.format(port=port))
    async with answering(reply, port=port) as (host, got), sending() as sender:
        assert reason in await refused(sender, f"http://{host}/hook")
    assert len(got) == (4 if reason == "too often" else 1)


async def test_forbidden_addresses_are_not_connected_to():
    async with answering(TAKEN) as (host, got), sending("") as sender:
        assert "not permitted" in await refused(sender, f"http://{host}/")
        assert "not permitted" in await refused(sender, f"http://localhost:{host.split(':')[1]}/")
        assert "not permitted" in await refused(sender, f"http://[::ffff:127.0.0.1]:{host.split(':')[1]}/")
    assert got == []


async def test_the_list_opens_its_networks_alone():
    async with answering(TAKEN) as (host, got), sending("10.0.0.0/8") as sender:
        assert "not permitted" in await refused(sender, f"http://{host}/")
    assert got == []


async def test_a_name_is_looked_up_and_checked_for_every_connection():
    """A name may lead outside when it is registered, and inside later (DNS rebinding)."""
    async with answering(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n") as (host, got):
        answers = [["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "10.0.0.1"], ["127.0.0.1"]]
        asked = []

        async def resolve(name, _port):
            asked.append(name)
            return answers[len(asked) - 1]

        url = f"http://sink.example:{host.split(':')[1]}/"
        async with sending(resolve=resolve) as sender:
            await sender.send(a_subscriber(url), MESSAGE)
            assert "169.254.169.254, which is not permitted" in await refused(sender, url)
            assert "10.0.0.1, which is not permitted" in await refused(sender, url)
            await sender.send(a_subscriber(url), MESSAGE)
    assert asked == ["sink.example"] * 4
    assert [request.split(b"host: ")[1].split(b":")[0] for request in got] == [b"sink.example"] * 2


async def test_the_connection_goes_to_the_address_that_was_checked():
    async with answering(TAKEN) as (host, got):

        async def resolve(_name, _port):
            return ["127.0.0.1"]

        # No resolver knows this name: only an address that is handed on can be connected to.
        async with sending(resolve=resolve) as sender:
            await sender.send(a_subscriber(f"http://no.such.name.invalid:{host.split(':')[1]}/"), MESSAGE)
    assert len(got) == 1


async def test_the_next_address_is_tried_when_one_does_not_answer():
    async with answering(TAKEN) as (host, got):

        async def resolve(_name, _port):
            return ["127.0.0.3", "127.0.0.1"]

        async with sending(resolve=resolve) as sender:
            await sender.send(a_subscriber(f"http://sink.example:{host.split(':')[1]}/"), MESSAGE)
    assert len(got) == 1


@pytest.mark.parametrize("name", ["no.such.name.invalid", "a" * 70 + ".example", "a..b"])
async def test_a_name_without_address_is_not_delivered_to(name):
    async with sending(timeout_seconds=5) as sender:
        # A network whose name servers do not answer takes longer than that to say so.
        assert re.search("cannot resolve|no answer|in time", await refused(sender, f"http://{name}/"))


async def test_a_name_without_any_address_is_told():
    async def resolve(_name, _port):
        return []

    async with sending(resolve=resolve) as sender:
        assert "no address" in await refused(sender, "http://sink.example/")


async def test_a_slow_name_is_looked_up_once_and_holds_up_no_other():
    asked = []
    forever = asyncio.Event()

    async def resolve(name, _port):
        asked.append(name)
        if name == "slow.example":
            await forever.wait()
        return ["127.0.0.1"]

    async with (
        answering(TAKEN) as (host, got),
        sending(resolve=resolve, timeout_seconds=0.2) as sender,
    ):
        slow = a_subscriber("http://slow.example/", "slow")
        for _ in range(3):
            with pytest.raises(Undelivered, match=r"no answer|in time"):
                await sender.send(slow, MESSAGE)
        quick = a_subscriber(f"http://quick.example:{host.split(':')[1]}/", "quick")

        async def taken():
            with suppress(Undelivered):
                await sender.send(quick, MESSAGE)
                return True

        await until(taken)
        forever.set()
    assert asked[0] == "slow.example"
    assert set(asked[1:]) == {"quick.example"}
    assert got


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for sink.example that is its own authority, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "sink.pem", folder / "sink.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=sink"]
    command += ["-addext", "subjectAltName=DNS:sink.example", "-out", paths[0], "-keyout", paths[1]]
    subprocess.run(command, check=True, capture_output=True)
    return paths


async def to_loopback(_name, _port):
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    ("name", "trusts", "reason"),
    [
        ("sink.example", True, None),
        ("sink.example", False, "CERTIFICATE_VERIFY_FAILED"),
        ("other.example", True, "CERTIFICATE_VERIFY_FAILED"),
    ],
)
async def test_servers_must_prove_who_they_are(certificate, name, trusts, reason):
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(*certificate)
    ca_file = str(certificate[0]) if trusts else ""
    async with (
        answering(TAKEN, trusted=served) as (host, got),
        sending(resolve=to_loopback, ca_file=ca_file) as sender,
    ):
        url = f"https://{name}:{host.split(':')[1]}/"
        if reason is None:
            await sender.send(a_subscriber(url), MESSAGE)
        else:
            assert reason in await refused(sender, url)
    assert len(got) == (reason is None)


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_authorities_that_cannot_be_read_stop_the_start(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StartupError, match=r"ca\.pem: \w"):
        trusting(str(path))


def test_a_subscriber_keeps_its_key_to_itself():
    assert "secret" not in f"{a_subscriber('http://x', Key='secret')!r}"
