"""Requests and answers pass through Envoy, in its static form, as they were sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from tams.metadata.v1.flow_service_pb2 import DeleteFlowRequest, GetFlowRequest
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub

from services.shared.errors import NotFound, Unavailable
from tests.rpc.shared.conftest import Behaviour, echo, open_caller, serving_flows
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.scaling.envoy import Envoy, needs_envoy, running_envoy
from tests.support.services.gateway import a_flow, a_segment, running_gateway
from tests.support.services.metadata import running_metadata

pytestmark = [pytest.mark.slow, needs_envoy]

MIB = 1024 * 1024


@asynccontextmanager
async def proxied_service(folder: Path, behaviour: Behaviour) -> AsyncIterator[Envoy]:
    """Envoy in front of one replica of a service."""
    async with serving_flows(behaviour) as server:
        with running_envoy(folder, {"metadata": [server.port]}) as envoy:
            await until(lambda: envoy.healthy("metadata"))
            yield envoy


def plain_channel(envoy: Envoy) -> aio.Channel:
    """A channel that repeats nothing by itself."""
    return aio.insecure_channel(envoy.address("metadata"), [("grpc.enable_retries", 0)])


@asynccontextmanager
async def proxied_gateway(folder: Path) -> AsyncIterator[tuple[Envoy, httpx.AsyncClient]]:
    """A gateway behind Envoy that reaches metadata through Envoy too, and a client."""
    (port,) = free_ports(1)
    async with running_metadata(folder) as metadata:
        endpoints = {"metadata": [metadata.port], "gateway": [port]}
        with running_envoy(folder, endpoints) as envoy:
            settings = {"port": port, "metadata_address": envoy.address("metadata"), "trust_forwarded": True}
            async with (
                running_gateway(**settings, forwarded_header="x-forwarded"),
                httpx.AsyncClient(base_url=envoy.url, trust_env=False, timeout=30) as client,
            ):
                await until(lambda: envoy.healthy("gateway") and envoy.healthy("metadata"))
                yield envoy, client


async def test_the_largest_messages_pass(tmp_path: Path) -> None:
    async with proxied_service(tmp_path, echo) as envoy, open_caller(envoy.ports["metadata"]) as caller:
        text = "x" * (60 * MIB)
        assert await caller.get(text) == text


async def test_the_details_of_errors_pass(tmp_path: Path) -> None:
    details = {f"detail{number}": "x" * 1000 for number in range(40)}

    async def refuse(_: str) -> str:
        raise NotFound("nothing there", reason="NOTHING", **details)

    async with proxied_service(tmp_path, refuse) as envoy, open_caller(envoy.ports["metadata"]) as caller:
        with pytest.raises(NotFound) as caught:
            await caller.get("")
    assert caught.value.metadata == details


async def test_only_idempotent_methods_are_repeated(tmp_path: Path) -> None:
    calls = 0

    async def fail(_: str) -> str:
        nonlocal calls
        calls += 1
        raise Unavailable("not now")

    async with proxied_service(tmp_path, fail) as envoy, plain_channel(envoy) as channel:
        stub = FlowServiceStub(channel)
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.GetFlow(GetFlowRequest(id="1"), timeout=30)
        assert (caught.value.code(), calls) == (StatusCode.UNAVAILABLE, 4)
        calls = 0
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.DeleteFlow(DeleteFlowRequest(id="1"), timeout=30)
        assert (caught.value.code(), calls) == (StatusCode.UNAVAILABLE, 1)


async def test_callers_do_not_watch_the_health_of_one_replica(tmp_path: Path) -> None:
    async with proxied_service(tmp_path, echo) as envoy, plain_channel(envoy) as channel:
        # The type stubs leave the stub's methods out.
        stub = health_pb2_grpc.HealthStub(channel)
        check = stub.Check  # type: ignore[attr-defined]
        reply: HealthCheckResponse = await check(HealthCheckRequest(), timeout=30)
        assert reply.status == HealthCheckResponse.SERVING
        watch = stub.Watch  # type: ignore[attr-defined]
        with pytest.raises(aio.AioRpcError) as caught:
            await watch(HealthCheckRequest(), timeout=30).read()
        assert caught.value.code() is StatusCode.UNIMPLEMENTED


async def test_a_service_is_reached_by_its_own_methods_alone(tmp_path: Path) -> None:
    async with proxied_service(tmp_path, echo) as envoy, plain_channel(envoy) as channel:
        call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/grpc.reflection.v1alpha.ServerReflection/Anything"
        )
        with pytest.raises(aio.AioRpcError) as caught:
            await call(b"", timeout=30)
        assert caught.value.code() is StatusCode.UNIMPLEMENTED


async def test_requests_keep_their_paths_ids_and_hosts(tmp_path: Path) -> None:
    flow = a_flow()
    async with proxied_gateway(tmp_path) as (envoy, client):
        assert (await client.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
        segment = a_segment(0, 1, object_id="a//b/../c")
        assert (await client.post(f"/flows/{flow['id']}/segments", json=segment)).status_code == 201
        second = await client.post(f"/flows/{flow['id']}/segments", json=a_segment(1, 2))
        assert second.status_code == 201
        found = await client.get("/objects/a%2F%2Fb%2F..%2Fc")
        assert found.json()["id"] == segment["object_id"]

        made_up = {
            "x-forwarded-host": "evil.example",
            "x-forwarded-prefix": "/evil",
            "forwarded": "host=evil",
        }
        headers = {"x-request-id": "mine-1", "host": "store.example", **made_up}
        page = await client.get(
            f"/flows/{flow['id']}/segments?limit=1&accept_get_urls=&access_token=secret", headers=headers
        )
        assert page.status_code == 200, page.text
        assert page.headers["x-request-id"] == "mine-1"
        assert page.links["next"]["url"].startswith("http://store.example/flows/")

        # More than one header may hold, but no reason for Envoy to refuse the request.
        assert (await client.get("/flows", headers={"x-large": "x" * 60_000})).status_code == 200

        await until(lambda: [line for line in envoy.access_log if line["request_id"] == "mine-1"])
        lines = {line["cluster"]: line for line in envoy.access_log if line["request_id"] == "mine-1"}
    assert lines.keys() == {"gateway", "metadata"}
    assert lines["gateway"]["path"] == f"/flows/{flow['id']}/segments"
    assert lines["metadata"]["path"] == "/tams.metadata.v1.SegmentService/ListSegments"
    assert "secret" not in (envoy.folder / "access.log").read_text()


# Envoy would obey these if they reached it: a millisecond is less than the slow replicas take.
STEERING = {"x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-upstream-rq-per-try-timeout-ms": "1"}


async def slowly(text: str) -> str:
    await asyncio.sleep(0.2)
    return text


async def _answer_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request with 204, as a gateway does that is asked whether it lives."""
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.2)
    writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_callers_of_services_do_not_steer_timeouts(tmp_path: Path) -> None:
    async with proxied_service(tmp_path, slowly) as envoy, plain_channel(envoy) as channel:
        stub = FlowServiceStub(channel)
        reply = await stub.GetFlow(GetFlowRequest(id="a"), metadata=tuple(STEERING.items()), timeout=30)
        assert reply.document == b"a"


async def test_clients_do_not_steer_timeouts(tmp_path: Path) -> None:
    async with await asyncio.start_server(_answer_slowly, "127.0.0.1", 0) as server:
        with running_envoy(tmp_path, {"gateway": [server.sockets[0].getsockname()[1]]}) as envoy:
            await until(lambda: envoy.healthy("gateway"))
            async with httpx.AsyncClient(base_url=envoy.url, trust_env=False, timeout=30) as client:
                assert (await client.get("/flows", headers=STEERING)).status_code == 204


async def test_readiness_and_metrics_are_shown_and_nothing_else(tmp_path: Path) -> None:
    with running_envoy(tmp_path, {}) as envoy:
        url = f"http://127.0.0.1:{envoy.ports['status']}"
        assert envoy.get(f"{url}/ready").status_code == 200
        assert "envoy_cluster_upstream_rq_total" in envoy.get(f"{url}/stats/prometheus").text
        assert envoy.get(f"{url}/config_dump").status_code == 404
        assert envoy.get(f"{url}/quitquitquit").status_code == 404
