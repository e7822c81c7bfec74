"""Every operation over HTTP, asked by a caller of one class about resources of another."""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from docs.generate_scopes import HttpOperation, http_operations
from services.shared.access.principal import Scope
from tests.support.access.foreign import Foreign, a_flow, alice, bob
from tests.support.access.secured_store import SecuredStore
from tests.support.openapi.contract import Operation

pytestmark = pytest.mark.slow


class Answer(Enum):
    """The answer that the caller gets."""

    HIDDEN = auto()  # 404, the same as for an id that does not exist
    OUTSIDE = auto()  # 403 OUTSIDE_CLASSES
    FILTERED = auto()  # a success without the resources
    ITEMS_REFUSED = auto()  # a success in which each item failed
    UNRELATED = auto()  # whatever it is, it does not depend on sources and flows


H, F, X = Answer.HIDDEN, Answer.FILTERED, Answer.UNRELATED
EXPECTED: Final[Mapping[str, Mapping[str, Answer]]] = {
    "/": {"GET": X},
    "/service": {"GET": X},
    "/service/storage-backends": {"GET": X},
    "/service/webhooks": {"GET": F, "POST": X},
    "/sources": {"GET": F},
    "/sources/{sourceId}": {"GET": H, "DELETE": H},
    "/sources/{sourceId}/tags": {"GET": H},
    "/sources/{sourceId}/tags/{name}": {"GET": H, "PUT": H, "DELETE": H},
    "/sources/{sourceId}/description": {"GET": H, "PUT": H, "DELETE": H},
    "/sources/{sourceId}/label": {"GET": H, "PUT": H, "DELETE": H},
    "/flows": {"GET": F},
    "/flows/{flowId}": {"GET": H, "PUT": Answer.OUTSIDE, "DELETE": H},
    "/flows/{flowId}/tags": {"GET": H},
    "/flows/{flowId}/tags/{name}": {"GET": H, "PUT": H, "DELETE": H},
    "/flows/{flowId}/description": {"GET": H, "PUT": H, "DELETE": H},
    "/flows/{flowId}/label": {"GET": H, "PUT": H, "DELETE": H},
    "/flows/{flowId}/read_only": {"GET": H, "PUT": H},
    "/flows/{flowId}/flow_collection": {"GET": H, "PUT": H, "DELETE": H},
    "/flows/{flowId}/max_bit_rate": {"GET": H, "PUT": H, "DELETE": H},
    "/flows/{flowId}/avg_bit_rate": {"GET": H, "PUT": H, "DELETE": H},
    # As TAMS has it for unknown flows.
    "/flows/{flowId}/segments": {"GET": F, "POST": H, "DELETE": H},
    "/flows/{flowId}/storage": {"POST": H},
    "/objects/{objectId}": {"GET": H, "DELETE": H},
    "/flow-delete-requests": {"GET": F},
    "/flow-delete-requests/{requestId}": {"GET": H},
    "/x/sources/batch": {"POST": Answer.ITEMS_REFUSED},
    "/x/sources/{sourceId}/tags": {"PUT": H, "POST": H, "DELETE": H},
    "/x/flows/batch": {"POST": Answer.ITEMS_REFUSED},
    "/x/flows/{flowId}/tags": {"PUT": H, "POST": H, "DELETE": H},
    "/x/trash": {"GET": F},
    "/x/trash/{entryId}/restore": {"POST": H},
    "/x/flows/{flowId}/restore": {"POST": H},
    "/x/objects/{objectId}/uploads": {"GET": H, "POST": H},
    "/x/objects/{objectId}/uploads/{uploadId}": {"DELETE": H},
    "/x/objects/{objectId}/uploads/{uploadId}/parts": {"GET": H},
    "/x/objects/{objectId}/uploads/{uploadId}/part-urls": {"POST": H},
    "/x/objects/{objectId}/uploads/{uploadId}/complete": {"POST": H},
    "/x/objects/{objectId}/copies": {"GET": H},
    "/x/sources/{sourceId}/restore": {"POST": H},
    "/x/analytics/flows/{flowId}/coverage": {"GET": H},
    "/x/analytics/storage-usage": {"GET": Answer.OUTSIDE},
    "/x/analytics/object-accesses": {"GET": F},
    "/x/analytics/duplicates": {"GET": Answer.OUTSIDE},
    "/x/flows/{flowId}/playlist.m3u8": {"GET": H},
    "/x/flows/{flowId}/multivariant.m3u8": {"GET": H},
    "/x/sources/{sourceId}/multivariant.m3u8": {"GET": H},
    "/x/tokens": {"POST": X},
    "/x/users/me/password": {"POST": X},
    "/health/details": {"GET": X},
}
# Without the scope admin, which has all classes, and with GET for HEAD.
OPERATIONS: Final = [
    each
    for operation in http_operations()
    if operation.scope not in {None, Scope.ADMIN}
    for each in ([operation, operation._replace(method="HEAD")] if operation.method == "GET" else [operation])
]
# What a listing is asked for with a filter by the foreign id.
FILTERS: Final = {"/flows": "source_id", "/x/trash": "flow_id"}


def named(operation: HttpOperation) -> str:
    return f"{operation.method} {operation.path}"


def expected_of(operation: HttpOperation) -> Answer:
    return EXPECTED[operation.path]["GET" if operation.method == "HEAD" else operation.method]


def ids_of(foreign: Foreign, path: str) -> dict[str, str]:
    """The ids of foreign resources by the names of parameters."""
    is_restore = path.startswith("/x/") and path.endswith("/restore")
    return {
        "flowId": foreign.trashed_flow if is_restore else foreign.flow,
        "sourceId": foreign.trashed_source if is_restore else foreign.source,
        "objectId": foreign.allocated if "/uploads" in path else foreign.object,
        "uploadId": foreign.upload,
        "requestId": foreign.deletion,
        "entryId": foreign.trash_entry,
        "name": "auth_classes",
    }


def path_of(operation: HttpOperation, ids: Mapping[str, str]) -> str:
    path = operation.path
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def body_of(operation: HttpOperation, foreign: Foreign) -> object:
    """A body about a foreign resource; None for the example of the operation."""
    bodies: dict[str, object] = {
        "PUT /flows/{flowId}": a_flow(id=foreign.flow, source_id=foreign.own_source),
        "POST /x/flows/batch": [
            a_flow(id=foreign.flow, source_id=foreign.own_source),
            a_flow(source_id=foreign.source),
        ],
        "POST /x/sources/batch": [{"id": foreign.source, "label": "stolen"}],
    }
    return bodies.get(named(operation))


async def ask(
    client: httpx.AsyncClient, operation: HttpOperation, foreign: Foreign, ids: Mapping[str, str]
) -> httpx.Response:
    path, body = path_of(operation, ids), body_of(operation, foreign)
    _, example = Operation(operation.method, operation.path).example()
    if body is not None:
        return await client.request(operation.method, path, json=body)
    headers = {"content-type": "application/json"} if example else {}
    return await client.request(operation.method, path, content=example, headers=headers)


def client_of(secured: SecuredStore, headers: Mapping[str, str]) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=secured.url, headers=headers, trust_env=False, timeout=60)


def test_the_table_has_every_operation() -> None:
    asked = {(operation.path, operation.method) for operation in OPERATIONS if operation.method != "HEAD"}
    assert {(path, method) for path, methods in EXPECTED.items() for method in methods} == asked


async def snapshot(secured: SecuredStore, foreign: Foreign) -> list[str]:
    """The foreign resources as their owner sees them."""
    paths = [
        f"/flows/{foreign.flow}?include_timerange=true",
        f"/sources/{foreign.source}",
        f"/flows/{foreign.flow}/segments",
        f"/objects/{quote(foreign.object, safe='')}",
        f"/x/trash?flow_id={foreign.trashed_flow}",
        "/service/webhooks",
        "/sources",
    ]
    async with client_of(secured, alice(secured)) as hers:
        answers = [await hers.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.text for answer in answers]


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
async def test_an_operation_shows_and_changes_nothing_of_another_class(
    secured: SecuredStore, foreign: Foreign, operation: HttpOperation
) -> None:
    ids = ids_of(foreign, operation.path)
    before = await snapshot(secured, foreign)
    async with client_of(secured, bob(secured)) as his:
        answer = await ask(his, operation, foreign, ids)
        strange = {name: str(uuid4()) for name in ids if name != "name"}
        unknown = await ask(his, operation, foreign, ids | strange)
    assert await snapshot(secured, foreign) == before
    check(operation, foreign, answer)
    if expected_of(operation) in {Answer.HIDDEN, Answer.FILTERED}:
        assert without_ids(answer, ids) == without_ids(unknown, strange)


def check(operation: HttpOperation, foreign: Foreign, answer: httpx.Response) -> None:
    asked = str(answer.request.url)
    told = [
        secret for secret in foreign.secrets if secret in answer.text and quote(secret, safe="") not in asked
    ]
    match expected_of(operation):
        case Answer.HIDDEN:
            assert answer.status_code == 404, answer.text
        case Answer.OUTSIDE:
            assert answer.status_code == 403, answer.text
            assert operation.method == "HEAD" or answer.json()["type"] == "OUTSIDE_CLASSES"
        case Answer.FILTERED:
            assert (answer.status_code, told) == (200, []), answer.text
        case Answer.ITEMS_REFUSED:
            results = answer.json()["results"]
            assert {result["status"] for result in results} <= {403, 404}, answer.text
        case Answer.UNRELATED:
            assert told == []
            assert answer.status_code < 500


def without_ids(answer: httpx.Response, ids: Mapping[str, str]) -> tuple[int, str, list[tuple[str, str]]]:
    """The answer without what differs from request to request."""
    text = re.sub(r'"time":"[^"]*"', "", answer.text)
    for name, value in ids.items():
        text = text if name == "name" else text.replace(value, "")
    headers = [
        (name, value)
        for name, value in answer.headers.items()
        if name not in {"date", "content-length", "x-request-id"}
    ]
    return answer.status_code, text, headers


@pytest.mark.parametrize(("path", "name"), FILTERS.items())
async def test_a_filter_by_a_foreign_id_finds_nothing(
    secured: SecuredStore, foreign: Foreign, path: str, name: str
) -> None:
    value = {"source_id": foreign.source, "flow_id": foreign.trashed_flow}[name]
    async with client_of(secured, bob(secured)) as his:
        answer = await his.get(path, params={name: value})
    assert answer.status_code == 200
    assert not any(secret in answer.text for secret in foreign.secrets if secret != value)
    assert answer.json() == []


async def test_each_caller_sees_its_own(secured: SecuredStore, foreign: Foreign) -> None:
    async with client_of(secured, bob(secured)) as his, client_of(secured, alice(secured)) as hers:
        for client, seen, hidden in (
            (his, foreign.own_flow, foreign.flow),
            (hers, foreign.flow, foreign.own_flow),
        ):
            listed = [flow["id"] for flow in (await client.get("/flows", params={"limit": 1000})).json()]
            assert seen in listed
            assert hidden not in listed
            assert (await client.get(f"/flows/{seen}")).status_code == 200
            assert (await client.get(f"/flows/{hidden}")).status_code == 404


async def test_a_token_in_a_url_has_the_classes_of_its_maker(secured: SecuredStore, foreign: Foreign) -> None:
    async with client_of(secured, bob(secured)) as his, client_of(secured, {}) as anybody:
        made = await his.post("/x/tokens", json={"seconds": 60})
        query = {"access_token": made.json()["access_token"]}
        assert (await anybody.get(f"/flows/{foreign.own_flow}", params=query)).status_code == 200
        assert (await anybody.get(f"/flows/{foreign.flow}", params=query)).status_code == 404


async def test_a_caller_without_a_class_sees_nothing(secured: SecuredStore, foreign: Foreign) -> None:
    for classes in (list[str](), None):
        async with secured.client("read", "write", "delete", classes=classes) as nobody:
            assert (await nobody.get("/flows")).json() == []
            assert (await nobody.get("/sources")).json() == []
            assert (await nobody.get(f"/flows/{foreign.flow}")).status_code == 404
