"""Each variant of the configuration starts in a real Envoy, and does what it says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc import aio
from tams.metadata.v1.flow_service_pb2 import GetFlowRequest
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub

from k8s.envoy.variants.combine import CONFIG
from services.shared.errors import Unavailable
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import call, open_channel
from tests.rpc.shared.conftest import FLOWS, echo, serving_flows
from tests.support.access.authority import Authority, Issued
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.project.repository import documents
from tests.support.scaling.envoy import Envoy, needs_envoy, running_envoy
from tests.support.services.gateway import running_gateway

pytestmark = [pytest.mark.slow, needs_envoy]

# Replies of envoy.service.auth.v3.Authorization/Check: a google.rpc.Status, OK or PERMISSION_DENIED.
ALLOWED, DENIED = b"\x0a\x00", b"\x0a\x02\x08\x07"
# Replies of envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit: overall_code OK or OVER_LIMIT.
BELOW, ABOVE = b"\x08\x01", b"\x08\x02"
AUTHORIZE = "/envoy.service.auth.v3.Authorization/Check"
COUNT = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"


def install(issued: Issued, authority: Authority, folder: Path) -> None:
    """Put a certificate where the configuration looks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, name in ((issued.cert, "tls.crt"), (issued.key, "tls.key"), (authority.file, "ca.crt")):
        copy = folder / f"{name}.fresh"
        copy.write_bytes(path.read_bytes())
        copy.replace(folder / name)


@asynccontextmanager
async def gateway_behind(
    folder: Path,
    *variants: str,
    secrets: Path | None = None,
    others: dict[str, int] | None = None,
    **settings: str,
) -> AsyncIterator[Envoy]:
    """Envoy with variants in front of a gateway, which answers without services what it answers alone."""
    (port,) = free_ports(1)
    endpoints = {"gateway": [port], **{name: [number] for name, number in (others or {}).items()}}
    with running_envoy(folder / "envoy", endpoints, *variants, secrets=secrets) as envoy:
        async with running_gateway(port=port, **settings):
            await until(lambda: envoy.healthy("gateway"))
            yield envoy


@asynccontextmanager
async def hook(method: str, answer: Callable[[], bytes]) -> AsyncIterator[int]:
    """The port of a service that knows one method, and answers in raw bytes."""

    async def behave(_request: bytes, _context: object) -> bytes:
        return answer()

    server = aio.server()
    _, service, name = method.split("/")
    handler: Any = grpc.unary_unary_rpc_method_handler(behave)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {name: handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port
    await server.stop(None)


async def test_https_towards_clients(tmp_path: Path) -> None:
    authority, secrets = Authority(tmp_path), tmp_path / "secrets"
    install(authority.issue("first"), authority, secrets / "https")
    trusted = ssl.create_default_context(cafile=authority.file)
    async with gateway_behind(tmp_path, "https", secrets=secrets) as envoy:
        url = f"https://127.0.0.1:{envoy.ports['gateway']}/health/live"
        async with httpx.AsyncClient(verify=trusted, trust_env=False) as client:
            assert (await client.get(url)).status_code == 204

        # A renewed certificate needs no restart.
        install(authority.issue("second"), authority, secrets / "https")

        def shown() -> str:
            return ssl.get_server_certificate(("127.0.0.1", envoy.ports["gateway"]))

        renewed = (secrets / "https" / "tls.crt").read_text()
        await until(lambda: shown().split() == renewed.split(), pause=0.1)


async def test_https_towards_gateways(tmp_path: Path) -> None:
    authority, secrets = Authority(tmp_path), tmp_path / "secrets"
    issued = authority.issue("gateway", ["gateway-headless"])
    install(issued, authority, secrets / "tls")
    async with (
        gateway_behind(tmp_path, "gateway-https", secrets=secrets, **issued.https) as envoy,
        httpx.AsyncClient(base_url=envoy.url, trust_env=False) as client,
    ):
        assert (await client.get("/health/live")).status_code == 204


async def test_mutual_tls_between_the_processes(tmp_path: Path) -> None:
    authority, secrets = Authority(tmp_path), tmp_path / "secrets"
    install(authority.issue("envoy"), authority, secrets / "tls")
    service = ProcessSettings(
        drain_seconds=0, grace_seconds=0, **authority.tls(authority.issue("service", ["metadata-headless"]))
    )
    async with serving_flows(echo, service) as server:
        with running_envoy(
            tmp_path / "envoy", {"metadata": [server.port]}, "mutual-tls", secrets=secrets
        ) as envoy:
            await until(lambda: envoy.healthy("metadata"))
            address = envoy.address("metadata")
            files = authority.environment(authority.issue("caller"))
            async with open_channel(address, [FLOWS], files) as channel:
                assert (await get(channel)).decode() == "here"
            stranger = Authority(tmp_path, "stranger")
            files = {**stranger.environment(stranger.issue("unknown")), "TAMS_TLS_CA": str(authority.file)}
            async with open_channel(address, [FLOWS], files) as channel:
                with pytest.raises(Unavailable):
                    await get(channel)


async def get(channel: aio.Channel) -> bytes:
    return (await call(FlowServiceStub(channel).GetFlow, GetFlowRequest(id="here"))).document


@pytest.mark.parametrize(
    ("variant", "path", "said", "status"),
    [
        ("external-authorization", AUTHORIZE, (ALLOWED, DENIED), 403),
        ("rate-limits", COUNT, (BELOW, ABOVE), 429),
    ],
)
async def test_another_service_decides_about_requests(
    tmp_path: Path, variant: str, path: str, said: tuple[bytes, bytes], status: int
) -> None:
    allowed, denied = said
    answers = [allowed]
    async with (
        hook(path, lambda: answers[-1]) as port,
        gateway_behind(tmp_path, variant, others={variant: port}) as envoy,
        httpx.AsyncClient(base_url=envoy.url, trust_env=False) as client,
    ):
        assert (await client.get("/health/live")).status_code == 204
        answers.append(denied)
        assert (await client.get("/health/live")).status_code == status


@pytest.mark.parametrize(("variant", "status"), [("external-authorization", 403), ("rate-limits", 204)])
async def test_without_that_service_nobody_is_let_in_and_nobody_is_counted(
    tmp_path: Path, variant: str, status: int
) -> None:
    (unused,) = free_ports(1)
    async with (
        gateway_behind(tmp_path, variant, others={variant: unused}) as envoy,
        httpx.AsyncClient(base_url=envoy.url, trust_env=False) as client,
    ):
        assert (await client.get("/health/live")).status_code == status


async def test_an_envoy_that_stops_fails_no_request(tmp_path: Path) -> None:
    """The command of the component asks it to let its connections go before it gets SIGTERM."""
    [command] = [
        container["lifecycle"]["preStop"]["exec"]["command"]
        for manifest in documents(CONFIG.parent / "deployment.yaml")
        if manifest["kind"] == "Deployment"
        for container in manifest["spec"]["template"]["spec"]["containers"]
    ]
    async with gateway_behind(tmp_path) as envoy:
        script = command[-1].replace("/9901", f"/{envoy.admin_port}").replace("sleep 12", "cat <&3")
        async with httpx.AsyncClient(base_url=envoy.url, trust_env=False) as client:
            assert "connection" not in (await client.get("/health/live")).headers
            asked = await asyncio.create_subprocess_exec(
                *command[:-1], script, stdout=asyncio.subprocess.PIPE
            )
            output, _ = await asked.communicate()
            assert output.startswith(b"HTTP/1.1 200")

            async def lets_go() -> bool:
                answer = await client.get("/health/live")
                assert answer.status_code == 204
                return bool(answer.headers.get("connection") == "close")

            await until(lets_go, pause=0.05)
