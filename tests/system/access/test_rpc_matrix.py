"""Every RPC, called directly at the service that has it, which refuses what the gateway refuses."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Final, Protocol

import pytest
from google.protobuf.descriptor import MethodDescriptor
from grpc import StatusCode, aio
from grpc_health.v1.health_pb2 import HealthCheckResponse

from docs.generate_scopes import rpcs, services
from services.shared.access.caller import CALLER_KEY
from services.shared.access.principal import GRANTED, SYSTEM, Principal, Scope
from services.shared.access.service_tokens import ServiceTokens
from services.shared.rpc.scopes import scopes_of
from tests.support.access.calls import SECONDS, Answer, call_of, channel_of
from tests.support.access.secured_store import PARTS, SecuredStore
from tests.support.processes.health import status

pytestmark = pytest.mark.slow

SERVICES: Final = [part for part in PARTS if part != "gateway"]
RPCS: Final = list(rpcs())
REFUSED: Final = {StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED}
# Some calls wait for events or work. One that waits this long was admitted.
WAITING_SECONDS: Final = 5.0
CREDENTIALS: Final = "CredentialService"


class Ask(Protocol):
    """Calls the method of a test."""

    async def __call__(self, metadata: Mapping[str, str], *, seconds: float = SECONDS) -> Answer: ...


def named(method: MethodDescriptor) -> str:
    return str(method.full_name)


@pytest.fixture(scope="session")
def parts(secured: SecuredStore) -> Mapping[str, str]:
    """The part that has each service, as the health checks report it."""
    return asyncio.run(_parts(secured))


async def _parts(secured: SecuredStore) -> dict[str, str]:
    names = [str(service.full_name) for service in services()]
    return {name: part for name in names for part in SERVICES if await serves(secured.ports[part], name)}


async def serves(port: int, service: str) -> bool:
    """Whether the part at a port has a service. The health check of one that it lacks is NOT_FOUND."""
    try:
        return await status(port, service) == HealthCheckResponse.SERVING
    except aio.AioRpcError as error:
        if error.code() is not StatusCode.NOT_FOUND:
            raise
        return False


@pytest.fixture
async def ask(
    secured: SecuredStore, parts: Mapping[str, str], method: MethodDescriptor
) -> AsyncIterator[Ask]:
    """A function that calls the method at the part that has it."""
    service = method.containing_service.full_name
    async with channel_of(secured, parts[service]) as channel:
        yield partial(call_of, channel, method)


def test_every_service_is_at_a_part(parts: Mapping[str, str]) -> None:
    assert {service.full_name for service in services()} == parts.keys()


@pytest.mark.parametrize("method", RPCS, ids=named)
async def test_an_rpc_wants_valid_credentials(
    faults: Mapping[str, str | None], ask: Ask, method: MethodDescriptor
) -> None:
    for fault, authorization in faults.items():
        metadata = {} if authorization is None else {"authorization": authorization}
        answer = await ask(metadata)
        assert answer.code is StatusCode.UNAUTHENTICATED, (fault, answer)


@pytest.mark.parametrize("method", RPCS, ids=named)
async def test_an_rpc_refuses_forged_service_tokens(
    secured: SecuredStore, ask: Ask, method: MethodDescriptor
) -> None:
    own = ServiceTokens(secured.service_secret.encode())
    good = own.make(SYSTEM)
    aged = ServiceTokens(secured.service_secret.encode(), lambda: 1e9).make(SYSTEM)
    nobody = Principal.of("jwt:bob", [], frozenset())
    head, _, signature = own.make(nobody).rpartition(".")
    version, expiry, letters, name, classes = head.split(".")
    forged = {
        "other secret": ServiceTokens(bytes(32)).make(SYSTEM),
        "too old": aged,
        "more scopes": ".".join((version, expiry, "adrsw", name, classes, signature)),
        "more classes": ".".join((version, expiry, letters, name, "-", signature)),
        "no signature": good.rpartition(".")[0] + ".",
        "cut": good[:-1],
        "empty": "",
    }
    for fault, text in forged.items():
        # Credentials beside it do not help.
        answer = await ask({CALLER_KEY: text, **secured.bearer("admin")})
        assert answer.code is StatusCode.UNAUTHENTICATED, (fault, answer)


@pytest.mark.parametrize("method", RPCS, ids=named)
async def test_an_rpc_refuses_callers_with_all_other_scopes(
    secured: SecuredStore, ask: Ask, method: MethodDescriptor
) -> None:
    others = GRANTED - scopes_of(method) - {Scope.ADMIN}
    answer = await ask(secured.bearer(*others))
    assert answer.code is StatusCode.PERMISSION_DENIED, answer
    assert "lacks the scope" in answer.details


@pytest.mark.parametrize("method", RPCS, ids=named)
async def test_only_processes_of_the_store_call_what_is_for_them(
    secured: SecuredStore, ask: Ask, method: MethodDescriptor
) -> None:
    answer = await ask(secured.bearer("admin"))
    internal = scopes_of(method) == {Scope.SERVICE}
    assert (answer.code is StatusCode.PERMISSION_DENIED) == internal, answer


@pytest.mark.parametrize("method", RPCS, ids=named)
async def test_an_rpc_admits_callers_with_each_of_its_scopes(
    secured: SecuredStore, ask: Ask, method: MethodDescriptor
) -> None:
    tokens = ServiceTokens(secured.service_secret.encode())
    # One service answers about the credentials in its requests, which are empty here.
    about_request = {StatusCode.UNAUTHENTICATED} if method.containing_service.name == CREDENTIALS else set()
    for scope in scopes_of(method):
        caller = Principal("jwt:alice", frozenset({scope}))
        answer = await ask({CALLER_KEY: tokens.make(caller)}, seconds=WAITING_SECONDS)
        assert answer.code not in REFUSED - about_request, answer
        if scope is not Scope.SERVICE:
            assert (await ask(secured.bearer(scope))).code not in REFUSED


@pytest.mark.parametrize("part", SERVICES)
async def test_health_checks_need_no_credentials(secured: SecuredStore, part: str) -> None:
    assert await status(secured.ports[part], "") == HealthCheckResponse.SERVING
    assert await status(secured.ports[part], "liveness") == HealthCheckResponse.SERVING


@pytest.mark.parametrize("part", SERVICES)
async def test_reflection_is_closed(secured: SecuredStore, part: str) -> None:
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    async with channel_of(secured, part) as channel:
        # With one message, it is on the wire as any other call.
        call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(aio.AioRpcError) as caught:
            await call(b"", timeout=SECONDS)
    assert caught.value.code() is StatusCode.UNIMPLEMENTED
