"""Requests of different callers never share a call."""

import asyncio
from collections.abc import Sequence

from gateway.clients.by_caller import ByCaller
from gateway.clients.coalescer import Coalescer
from services.shared.access import caller
from services.shared.access.principal import Limit, Principal, Scope
from services.shared.telemetry.metrics import COUNTS, Distribution

READ = frozenset({Scope.READ})
ALICE = Principal("user:alice", READ)
BOB = Principal("user:bob", READ)
LIMITED = Principal("user:alice", READ, Limit(frozenset({"GET"})))

SIZES = Distribution(COUNTS)


async def name_caller(request: str) -> str:
    """The caller that the service would see."""
    await asyncio.sleep(0)
    return f"{request} of {caller.principal.get().name}"


async def name_callers(requests: Sequence[str]) -> Sequence[str]:
    return [await name_caller(request) for request in requests]


def reader() -> ByCaller[str, str]:
    return ByCaller(lambda: Coalescer(name_caller, name_callers, deadline_seconds=60, sizes=SIZES))


async def read_as(principal: Principal, read: ByCaller[str, str], request: str) -> str:
    caller.principal.set(principal)
    return await read(request)


async def test_each_call_is_one_of_the_caller_that_made_the_request() -> None:
    read = reader()
    principals = [ALICE, BOB, LIMITED, Principal("user:alice", READ)] * 20
    requests = [f"request {number}" for number in range(len(principals))]
    replies = await asyncio.gather(
        *(
            asyncio.create_task(read_as(principal, read, request))
            for principal, request in zip(principals, requests, strict=True)
        )
    )
    expected = [
        f"{request} of {principal.name}" for principal, request in zip(principals, requests, strict=True)
    ]
    assert replies == expected


async def test_a_caller_that_was_forgotten_is_served_again() -> None:
    read = reader()
    for number in (*range(1100), 0):
        principal = Principal(f"user:{number}", READ)
        assert await asyncio.create_task(read_as(principal, read, "x")) == f"x of user:{number}"
