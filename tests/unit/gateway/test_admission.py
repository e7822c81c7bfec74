import base64
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from gateway.admission import Admission
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.routing import Route
from services.access.ports import Checked
from services.access.process import open_access
from services.access.settings import AccessSettings
from services.shared.access import caller
from services.shared.access.principal import SYSTEM, Principal, Scope
from services.shared.errors import PermissionDenied, Unauthenticated
from tests.support.access.issuer import AUDIENCE, ISSUER, jwks, new_key, token
from tests.support.requests import bodiless, scope_of

KEY = new_key("a")
WRITER = Principal("user:writer", frozenset({Scope.WRITE}))


class Accounts:
    """Accounts of one user and one key."""

    async def check_password(self, user: str, password: str) -> Checked:
        if (user, password) != ("writer", "right:one"):
            raise Unauthenticated("the user or the password is wrong")
        return Checked(WRITER, 2e9)

    async def check_key(self, key: str) -> Checked:
        if key != "tams_good":
            raise Unauthenticated("the key is not valid")
        return Checked(Principal("key:good", frozenset({Scope.READ})), 2e9)


@pytest.fixture
async def admission(tmp_path: Path) -> AsyncIterator[Admission]:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(KEY))
    settings = AccessSettings(
        auth="required", service_secret="s" * 32, issuer=ISSUER, audience=AUDIENCE, jwks=str(path)
    )
    async with open_access(settings, Accounts()) as access:
        assert access is not None
        yield Admission(access)


async def answer(_request: Request) -> Response:
    return responses.json(b"{}")


ROUTE = Route("/things", get=answer, put=answer, post=answer, delete=answer)


def request(
    method: str = "GET", headers: Mapping[str, str] | None = None, query: str = "", route: Route = ROUTE
) -> Request:
    return bodiless(scope_of({"host": "a", **(headers or {})}, method=method, query=query), route)


def basic(text: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    ("method", "scope"),
    [("GET", "read"), ("HEAD", "read"), ("PUT", "write"), ("POST", "write"), ("DELETE", "delete")],
)
async def test_each_method_needs_its_scope(admission: Admission, method: str, scope: str) -> None:
    await admission.admit(request(method, bearer(token(KEY, scope))))
    assert caller.principal.get() == Principal("jwt:alice", frozenset({Scope(scope)}))
    others = {"read", "write", "delete"} - {scope}
    with pytest.raises(PermissionDenied) as caught:
        await admission.admit(request(method, bearer(token(KEY, *others))))
    assert caught.value.reason == "MISSING_SCOPE"
    await admission.admit(request(method, bearer(token(KEY, "admin"))))


async def test_further_calls_carry_the_caller(admission: Admission) -> None:
    assert caller.principal.get() == SYSTEM
    await admission.admit(request(headers=bearer(token(KEY, "read"))))
    version, _, letters, *_ = dict(caller.metadata())[caller.CALLER_KEY].split(".")
    assert (version, letters) == ("2", "rs")


async def test_users_and_keys_are_admitted(admission: Admission) -> None:
    await admission.admit(request("PUT", basic("writer:right:one")))
    assert caller.principal.get() == WRITER
    await admission.admit(request("GET", bearer("tams_good")))
    assert caller.principal.get().name == "key:good"
    for headers in (basic("writer:wrong"), basic("other:right:one"), bearer("tams_bad")):
        with pytest.raises(Unauthenticated):
            await admission.admit(request("GET", headers))


@pytest.mark.parametrize(
    "authorization",
    ["", " ", "Bearer", "Bearer ", "Bearer a b", "bearer", "Digest a=b", "Basic", "Basic !", "Basic YQ==",
     "Basic OmE=", "Basic /w==", "Token x", "x"],
)  # fmt: skip
async def test_a_malformed_header_is_refused(admission: Admission, authorization: str) -> None:
    with pytest.raises(Unauthenticated):
        await admission.admit(request(headers={"authorization": authorization}))


async def test_the_scheme_may_have_any_case(admission: Admission) -> None:
    for scheme in ("bearer", "BEARER"):
        await admission.admit(request(headers={"authorization": f"{scheme}  {token(KEY, 'read')}"}))


async def test_a_token_may_be_in_the_url(admission: Admission) -> None:
    text = token(KEY, "read")
    for query in (f"access_token={text}", f"limit=5&access_token={text}&page=x"):
        await admission.admit(request(query=query))


async def test_a_url_has_one_token(admission: Admission) -> None:
    good = token(KEY, "read")
    for query in (
        "",
        "access_token=",
        f"access_token={good}&access_token={good}",
        "x=access_token",
        "access_token",
    ):
        with pytest.raises(Unauthenticated):
            await admission.admit(request(query=query))


async def test_a_header_goes_before_the_url(admission: Admission) -> None:
    good = token(KEY, "read")
    with pytest.raises(Unauthenticated):
        await admission.admit(request(headers=bearer("x.y.z"), query=f"access_token={good}"))
    await admission.admit(request(headers=bearer(good), query="access_token=x.y.z"))


async def test_public_routes_admit_everyone_as_the_store(admission: Admission) -> None:
    route = Route("/health", public=True, get=answer)
    for headers in ({}, bearer("x.y.z")):
        await admission.admit(request(headers=headers, route=route))
        assert caller.principal.get() == SYSTEM


def test_a_method_without_a_scope_cannot_have_a_route() -> None:
    with pytest.raises(KeyError):
        Route("/things", patch=answer)


def test_head_needs_the_scope_of_get() -> None:
    route = Route("/things", scopes={"GET": Scope.ADMIN}, get=answer)
    assert route.scopes == {"GET": Scope.ADMIN, "HEAD": Scope.ADMIN}
