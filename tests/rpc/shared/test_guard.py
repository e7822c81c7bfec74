"""The guard of a server, over a real channel."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from grpc import StatusCode, aio
from tams.metadata.v1.flow_service_pb2_grpc import add_FlowServiceServicer_to_server

from services.shared.access import caller
from services.shared.access.principal import GRANTED, SYSTEM, Principal, Scope
from services.shared.access.service_tokens import ServiceTokens
from services.shared.errors import PermissionDenied, Unauthenticated, Unavailable
from services.shared.rpc.guard import Guard
from services.shared.rpc.server import RpcServer, serving
from tests.rpc.shared.conftest import FLOWS, QUICK, Caller, EchoServicer, open_caller

SECRET = b"the secret of these tests, 32 bytes or more"
READER = Principal("user:reader", frozenset({Scope.READ}))
DELETER = Principal("user:deleter", frozenset({Scope.DELETE}))


async def check_header(authorization: str) -> Principal:
    """Accepts "Good", as a reader."""
    if authorization != "Good":
        raise Unauthenticated("these credentials are not good")
    return READER


async def name_caller(text: str) -> str:
    """The caller as the service sees it, and what a token for further calls would carry."""
    own, onward = caller.principal.get(), dict(caller.metadata())
    passed_on = ServiceTokens(SECRET).check(onward[caller.CALLER_KEY])
    return f"{own.name} {passed_on.name} {','.join(sorted(passed_on.scopes))}"


@asynccontextmanager
async def guarded(behaviour: Callable[[str], Awaitable[str]] = name_caller) -> AsyncIterator[RpcServer]:
    # The missing methods are abstract for the type checker only, and not called.
    servicer = EchoServicer(behaviour)  # type: ignore[abstract]
    registrations = [(FLOWS, partial(add_FlowServiceServicer_to_server, servicer))]
    guard = Guard(ServiceTokens(SECRET), check_header, [FLOWS])
    async with serving(QUICK, registrations, guard=guard) as server:
        yield server


@asynccontextmanager
async def acting_for(principal: Principal, secret: bytes = SECRET) -> AsyncIterator[None]:
    """Calls within the block carry a token for this caller."""
    before = caller.principal.get(), caller.make_token.get()
    caller.act_for(principal, partial(ServiceTokens(secret).make, principal))
    try:
        yield
    finally:
        caller.act_for(*before)


async def raw_status(server: RpcServer, **metadata: str) -> StatusCode:
    """The status of GetFlow with this metadata."""
    direct = [("grpc.enable_http_proxy", 0)]
    async with aio.insecure_channel(f"127.0.0.1:{server.port}", options=direct) as channel:
        method = f"/{FLOWS.full_name}/GetFlow"
        call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
        try:
            await call(b"", timeout=60, metadata=tuple(metadata.items()))
        except aio.AioRpcError as error:
            return error.code()
    return StatusCode.OK


async def test_a_service_token_names_the_caller_to_the_service_and_beyond() -> None:
    async with guarded() as server, open_caller(server.port) as flows, acting_for(READER):
        assert await flows.get("") == "user:reader user:reader read,service"


async def test_the_store_calls_itself() -> None:
    async with guarded() as server, open_caller(server.port) as flows, acting_for(SYSTEM):
        assert (await flows.get("")).startswith("system system ")


async def test_credentials_as_in_http_are_accepted() -> None:
    async with guarded() as server:
        assert await raw_status(server, authorization="Good") is StatusCode.OK
        assert await raw_status(server, authorization="Bad") is StatusCode.UNAUTHENTICATED
        assert await raw_status(server, authorization="") is StatusCode.UNAUTHENTICATED
        assert await raw_status(server) is StatusCode.UNAUTHENTICATED


async def test_a_bad_service_token_is_refused_beside_good_credentials() -> None:
    foreign = ServiceTokens(bytes(32)).make(SYSTEM)
    async with guarded() as server:
        for token in ("", "x", foreign):
            status = await raw_status(server, authorization="Good", **{caller.CALLER_KEY: token})
            assert status is StatusCode.UNAUTHENTICATED


async def test_a_caller_without_the_scope_is_refused() -> None:
    async with guarded() as server, open_caller(server.port) as flows:
        async with acting_for(DELETER):
            await flows.delete("")
            with pytest.raises(PermissionDenied, match="user:deleter lacks the scope read") as caught:
                await flows.get("")
        assert caught.value.reason == "MISSING_SCOPE"
        async with acting_for(READER):
            with pytest.raises(PermissionDenied):
                await flows.delete("")


async def test_simultaneous_calls_do_not_mix_their_callers_up() -> None:
    names = [f"user:{number}" for number in range(50)]
    arrived = asyncio.Barrier(len(names))

    async def name_caller_late(text: str) -> str:
        await arrived.wait()
        return await name_caller(text)

    async with guarded(name_caller_late) as server, open_caller(server.port) as flows:

        async def ask(name: str) -> str:
            async with acting_for(Principal(name, GRANTED)):
                return await flows.get("", timeout=60)

        answers = await asyncio.gather(*(asyncio.create_task(ask(name)) for name in names))
    assert [answer.rpartition(" ")[0] for answer in answers] == [f"{name} {name}" for name in names]


async def test_a_process_of_another_store_is_not_the_fault_of_its_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with guarded() as server, open_caller(server.port) as flows:
        await refuses(flows)
        async with acting_for(READER, secret=bytes(32)):
            await refuses(flows)
    reasons = [vars(record)["reason"] for record in caplog.records if "refuses the calls" in record.message]
    assert reasons == ["the call has no credentials", "the service token was signed with another secret"]


async def refuses(flows: Caller) -> None:
    with pytest.raises(Unavailable) as caught:
        await flows.get("")
    assert caught.value.reason == "PARTS_DISAGREE"


async def test_a_method_that_no_proto_describes_is_open_to_nobody() -> None:
    guard = Guard(ServiceTokens(SECRET), check_header, [])
    with pytest.raises(PermissionDenied, match="open to nobody"):
        await guard.admit("/tams.metadata.v1.FlowService/GetFlow", {"authorization": "Good"})


async def test_the_behaviour_does_not_run_for_refused_calls() -> None:
    ran = []

    async def note(text: str) -> str:
        ran.append(text)
        return text

    async with guarded(note) as server:
        await raw_status(server, authorization="Bad")
        assert ran == []
        await raw_status(server, authorization="Good")
        assert ran == [""]
