"""Mutual TLS between processes: who reaches a method, and whom a channel trusts."""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import psutil
import pytest
from grpc import aio

from services.shared.errors import StartupError, Unavailable
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import open_channel
from services.shared.rpc.probe import is_serving
from services.shared.rpc.server import LIVENESS
from tests.rpc.shared.conftest import FLOWS, QUICK, Caller, serving_flows
from tests.support.access.authority import DAY, Authority, Issued
from tests.support.access.certificates import write_certificate
from tests.support.access.handshakes import TLS_1_1, TLS_1_2, TLS_1_3, context_for, handshake
from tests.support.processes.polling import until

Files = dict[str, str]


class Behaviour:
    """Answers with the text of the request, once it may, and counts the calls that reach it."""

    def __init__(self) -> None:
        self.reached = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, text: str) -> str:
        self.reached += 1
        await self.may_answer.wait()
        return text


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def foreign(tmp_path: Path) -> Authority:
    """Another authority, whose certificates have the same names."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    return Authority(folder)


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


def settings_of(authority: Authority, issued: Issued) -> ProcessSettings:
    return ProcessSettings(drain_seconds=0, grace_seconds=0, **authority.tls(issued))


def files_of(authority: Authority, issued: Issued) -> Files:
    return settings_of(authority, issued).tls_files


@asynccontextmanager
async def open_caller(port: int, files: Mapping[str, str], host: str = "127.0.0.1") -> AsyncIterator[Caller]:
    async with open_channel(f"{host}:{port}", [FLOWS], files) as channel:
        yield Caller(channel)


async def reaches(port: int, files: Mapping[str, str]) -> bool:
    """Whether a call with these files is answered."""
    async with open_caller(port, files) as caller:
        try:
            await caller.delete("x")
        except Unavailable:
            return False
        return True


async def test_processes_with_certificates_of_the_authority_reach_each_other(
    authority: Authority, behaviour: Behaviour
) -> None:
    files = files_of(authority, authority.issue("client", hosts=["elsewhere"]))
    async with serving_flows(behaviour, settings_of(authority, authority.issue("server"))) as server:
        for host in ("127.0.0.1", "localhost"):
            async with open_caller(server.port, files, host) as caller:
                assert await caller.get("hello") == "hello"


@pytest.mark.parametrize("kind", ["foreign", "self-signed", "expired", "not valid yet", "plain text"])
async def test_clients_without_a_certificate_of_the_authority_reach_no_method(
    authority: Authority, foreign: Authority, behaviour: Behaviour, kind: str
) -> None:
    own = write_certificate(authority.folder / "own.pem")
    shown = {
        "foreign": files_of(authority, foreign.issue("client")),
        "self-signed": files_of(authority, Issued(own, own)),
        "expired": files_of(authority, authority.issue("expired", begins=-2 * DAY, ends=-DAY)),
        "not valid yet": files_of(authority, authority.issue("early", begins=DAY, ends=2 * DAY)),
        "plain text": {},
    }[kind]
    async with serving_flows(behaviour, settings_of(authority, authority.issue("server"))) as server:
        assert not await reaches(server.port, shown)
        address = f"127.0.0.1:{server.port}"
        assert not await asyncio.to_thread(is_serving, address, LIVENESS, shown)
        assert behaviour.reached == 0
        # The server is not affected.
        assert await reaches(server.port, files_of(authority, authority.issue("client")))


async def test_a_client_that_shows_no_certificate_reaches_no_method(
    authority: Authority, behaviour: Behaviour
) -> None:
    async with serving_flows(behaviour, settings_of(authority, authority.issue("server"))) as server:
        trusting = grpc.ssl_channel_credentials(authority.file.read_bytes())
        direct = [("grpc.enable_http_proxy", 0)]
        async with aio.secure_channel(f"127.0.0.1:{server.port}", trusting, options=direct) as channel:
            with pytest.raises(Unavailable):
                await Caller(channel).delete("x")
    assert behaviour.reached == 0


@pytest.mark.parametrize("kind", ["foreign", "expired", "not valid yet", "another name", "plain text"])
async def test_a_server_without_a_certificate_of_the_authority_for_its_name_gets_no_call(
    authority: Authority, foreign: Authority, behaviour: Behaviour, kind: str
) -> None:
    settings = {
        "foreign": settings_of(foreign, foreign.issue("server")),
        "expired": settings_of(authority, authority.issue("server", begins=-2 * DAY, ends=-DAY)),
        "not valid yet": settings_of(authority, authority.issue("server", begins=DAY, ends=2 * DAY)),
        "another name": settings_of(authority, authority.issue("server", hosts=["media", "127.0.0.2"])),
        "plain text": QUICK,
    }[kind]
    async with serving_flows(behaviour, settings) as server:
        assert not await reaches(server.port, files_of(authority, authority.issue("client")))
    assert behaviour.reached == 0


@pytest.mark.parametrize(("version", "is_accepted"), [(TLS_1_1, False), (TLS_1_2, True), (TLS_1_3, True)])
async def test_tls_1_1_is_refused(
    authority: Authority, behaviour: Behaviour, version: ssl.TLSVersion, *, is_accepted: bool
) -> None:
    context = context_for(authority.file, version, "h2", authority.issue("client"))
    async with serving_flows(behaviour, settings_of(authority, authority.issue("server"))) as server:
        try:
            agreed, _ = await asyncio.to_thread(handshake, server.port, context)
        except ssl.SSLError:
            agreed = None
    assert (agreed == "h2") is is_accepted


async def test_a_renewed_certificate_is_shown_without_a_restart(
    authority: Authority, behaviour: Behaviour
) -> None:
    issued = authority.issue("server")
    context = context_for(authority.file, TLS_1_3, "h2", authority.issue("client"))
    async with serving_flows(behaviour, settings_of(authority, issued)) as server:
        _, before = await asyncio.to_thread(handshake, server.port, context)
        fresh = authority.issue("fresh")
        issued.replace(fresh)
        _, after = await asyncio.to_thread(handshake, server.port, context)
    assert before != after
    assert after == ssl.PEM_cert_to_DER_cert(fresh.cert.read_text())


async def test_a_pair_that_cannot_be_used_is_not_shown(authority: Authority, behaviour: Behaviour) -> None:
    issued = authority.issue("server")
    files = files_of(authority, authority.issue("client"))
    async with serving_flows(behaviour, settings_of(authority, issued)) as server:
        issued.key.write_bytes(authority.issue("fresh").key.read_bytes())
        assert await reaches(server.port, files)


async def test_a_channel_shows_a_renewed_certificate_and_calls_in_progress_end(
    authority: Authority, foreign: Authority, behaviour: Behaviour
) -> None:
    """The server changes its authority. The channel does too, and no longer uses its old connection."""
    client, own = authority.issue("client"), authority.issue("server")
    behaviour.may_answer.clear()
    async with (
        serving_flows(behaviour, settings_of(authority, own)) as server,
        open_caller(server.port, files_of(authority, client)) as caller,
    ):
        waiting = asyncio.ensure_future(caller.get("waiting", timeout=60))
        await until(lambda: behaviour.reached)
        own.replace(foreign.issue("server"))
        client.replace(foreign.issue("client"))
        authority.file.write_bytes(foreign.file.read_bytes())
        further = [waiting]

        async def is_replaced() -> bool:
            """A call arrives, and the server has two connections then."""
            further.append(asyncio.ensure_future(caller.get("further", timeout=60)))
            before = behaviour.reached
            await until(lambda: behaviour.reached > before)
            return connections(server.port) == 2

        await until(is_replaced, pause=0.2)
        behaviour.may_answer.set()
        assert set(await asyncio.gather(*further)) == {"waiting", "further"}
        await until(lambda: connections(server.port) == 1)


def connections(port: int) -> int:
    """The number of connections of this process to a port."""
    own = psutil.Process().net_connections("tcp")
    return sum(1 for each in own if each.raddr and each.raddr.port == port and each.status == "ESTABLISHED")


async def test_the_probe_shows_the_certificate_of_the_process(
    authority: Authority, behaviour: Behaviour
) -> None:
    """The server has no certificate for its address, because others reach it by its name."""
    issued = authority.issue("server", hosts=["metadata-headless", "metadata"])
    env = {**os.environ, **authority.environment(issued)}
    async with serving_flows(behaviour, settings_of(authority, issued), ready=False) as server:
        codes = []
        for arguments in ((f"127.0.0.1:{server.port}", LIVENESS), (f"127.0.0.1:{server.port}",)):
            probe = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.shared.rpc.probe", *arguments, env=env
            )
            codes.append(await probe.wait())
    assert codes == [0, 1]


async def test_settings_that_do_not_fit_are_a_startup_error(
    authority: Authority, behaviour: Behaviour
) -> None:
    settings = replace(settings_of(authority, authority.issue("server")), rpc_ca="")
    with pytest.raises(StartupError, match="TAMS_TLS_CA is not set"):
        async with serving_flows(behaviour, settings):
            pass
    with pytest.raises(StartupError, match="TAMS_TLS_CA is not set"):
        open_channel("127.0.0.1:1", [FLOWS], settings.tls_files)
