"""Every operation over HTTP, with every fault that credentials can have, and with each scope alone."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from docs.generate_scopes import HttpOperation, http_operations
from services.shared.access.principal import GRANTED, Scope
from tests.support.access.issuer import token
from tests.support.access.secured_store import SecuredStore
from tests.support.openapi.contract import Operation

pytestmark = pytest.mark.slow

Faults = Mapping[str, str | None]
# GET also answers HEAD.
OPERATIONS = [
    each
    for operation in http_operations()
    for each in ([operation, operation._replace(method="HEAD")] if operation.method == "GET" else [operation])
]
PROTECTED = [operation for operation in OPERATIONS if operation.scope is not None]
PUBLIC = [operation for operation in OPERATIONS if operation.scope is None]


def named(operation: HttpOperation) -> str:
    return f"{operation.method} {operation.path}"


async def ask(
    client: httpx.AsyncClient, operation: HttpOperation, headers: Mapping[str, str], **more: Any
) -> httpx.Response:
    """The answer to the example of an operation. What would change all of the store is malformed instead."""
    path, body = Operation(operation.method, operation.path).example()
    if body:
        headers = {**headers, "content-type": "application/json"}
        if operation.path.startswith(("/x/admin", "/service")):
            body = b"["
    return await client.request(operation.method, path, content=body, headers=headers, **more)


def client_of(secured: SecuredStore) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=secured.url, trust_env=False, verify=False, timeout=60)


@pytest.mark.parametrize("operation", PROTECTED, ids=named)
async def test_an_operation_wants_valid_credentials(
    secured: SecuredStore, faults: Faults, operation: HttpOperation
) -> None:
    async with client_of(secured) as client:
        for fault, authorization in faults.items():
            headers = {} if authorization is None else {"authorization": authorization}
            answer = await ask(client, operation, headers)
            assert answer.status_code == 401, (fault, answer.text)
            assert [value.split()[0] for value in answer.headers.get_list("www-authenticate")] == [
                "Bearer",
                "Basic",
            ]
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("operation", PROTECTED, ids=named)
async def test_an_operation_refuses_callers_with_all_other_scopes(
    secured: SecuredStore, operation: HttpOperation
) -> None:
    others = GRANTED - {operation.scope, Scope.ADMIN}
    async with client_of(secured) as client:
        answer = await ask(client, operation, secured.bearer(*others))
        assert answer.status_code == 403
        assert operation.method == "HEAD" or answer.json()["type"] == "MISSING_SCOPE"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("operation", PROTECTED, ids=named)
async def test_an_operation_admits_callers_with_its_scope_alone(
    secured: SecuredStore, operation: HttpOperation
) -> None:
    assert operation.scope is not None
    async with client_of(secured) as client:
        for scope in (operation.scope, Scope.ADMIN):
            answer = await ask(client, operation, secured.bearer(scope))
            assert answer.status_code not in {401, 403}, answer.text
            assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("operation", PROTECTED, ids=named)
async def test_a_token_in_the_url_is_as_good_as_one_in_a_header(
    secured: SecuredStore, operation: HttpOperation
) -> None:
    async with client_of(secured) as client:
        admitted = await ask(client, operation, {}, params={"access_token": token(secured.key, "admin")})
        assert admitted.status_code not in {401, 403}, admitted.text
        for text in ("", "x.y.z"):
            assert (await ask(client, operation, {}, params={"access_token": text})).status_code == 401


@pytest.mark.parametrize("operation", PUBLIC, ids=named)
async def test_public_operations_ask_for_nothing(secured: SecuredStore, operation: HttpOperation) -> None:
    async with client_of(secured) as client:
        for headers in ({}, {"authorization": "Bearer x.y.z"}):
            assert (await ask(client, operation, headers)).status_code in {200, 204, 404}


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
async def test_preflights_are_never_refused(secured: SecuredStore, path: str) -> None:
    method = next(operation.method for operation in OPERATIONS if operation.path == path)
    headers = {
        "origin": "https://player.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    async with client_of(secured) as client:
        answer = await client.options(Operation(method, path).example()[0], headers=headers)
    assert answer.status_code == 204
    assert "Authorization" in answer.headers["access-control-allow-headers"].split(", ")


async def test_unknown_paths_and_methods_are_answered_as_ever(secured: SecuredStore) -> None:
    async with client_of(secured) as client:
        assert (await client.get("/nothing")).status_code == 404
        assert (await client.patch("/flows")).status_code == 405


async def test_faults_at_the_same_time_admit_nobody(secured: SecuredStore, faults: Faults) -> None:
    """A valid token of another caller must not be remembered for an invalid one."""
    headers = [{"authorization": text} for text in faults.values() if text]
    async with client_of(secured) as client:
        answers = await asyncio.gather(
            *(client.get("/flows", headers=each) for each in (secured.bearer("read"), *headers) * 10)
        )
    assert {answer.status_code for answer in answers[:: len(headers) + 1]} == {200}
    refused = [answer for index, answer in enumerate(answers) if index % (len(headers) + 1)]
    assert {answer.status_code for answer in refused} == {401}


async def test_simultaneous_requests_do_not_mix_their_callers_up(secured: SecuredStore) -> None:
    """Each caller may do one thing. With the scopes of another it would be refused by a service."""
    path = "/flows/4a1f0c5e-6d0b-4b8e-9d57-0c1a9e7f3b11"
    requests = [("GET", "read"), ("PUT", "write"), ("DELETE", "delete")] * 40
    async with client_of(secured) as client:

        async def ask_as(number: int, method: str, scope: str) -> int:
            secret = token(secured.key, scope, sub=f"caller {number}")
            headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
            body = b'"a label"' if method == "PUT" else b""
            answer = await client.request(method, f"{path}/label", headers=headers, content=body)
            return answer.status_code

        statuses = await asyncio.gather(*(ask_as(number, *each) for number, each in enumerate(requests)))
    assert set(statuses) <= {200, 204, 404}
