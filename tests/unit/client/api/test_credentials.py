import json

import pytest
from mediatimestamp import TimeRange

from client.api import BadAnswer, BearerToken, Forbidden, NewSegment, TamsClient, Target, UserPassword
from client.api.models import HttpRequest
from tests.support.http.scripted_server import ScriptedServer, scripted_server

TOKEN = BearerToken("eyJhbGciOi.J9.sig")
BEARER = "Bearer eyJhbGciOi.J9.sig"
SERVICE = json.dumps({"type": "urn:x-tams:service:t", "api_version": "7.0"}).encode()


async def test_credentials_have_the_headers_of_their_specifications() -> None:
    assert await TOKEN.authorization() == BEARER
    # The example of RFC 7617, section 2.
    basic = UserPassword("Aladdin", "open sesame")
    assert await basic.authorization() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_secrets_are_not_in_repr() -> None:
    target = Target("http://127.0.0.1:1", UserPassword("ann", "hunter2"))
    assert "hunter2" not in repr(target)
    assert "eyJ" not in repr(TOKEN)


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "a\r", "\u00e9"])
def test_a_malformed_token_is_refused_and_not_in_the_error(token: str) -> None:
    with pytest.raises(ValueError, match="token") as error:
        BearerToken(token)
    assert not token or token not in str(error.value)


@pytest.mark.parametrize("user", ["", "a:b"])
def test_an_empty_user_or_one_with_a_colon_is_refused(user: str) -> None:
    with pytest.raises(ValueError, match="user"):
        UserPassword(user, "p")


async def test_each_request_to_the_store_has_the_credentials(server: ScriptedServer) -> None:
    server.then(body=SERVICE)
    server.then(503, Retry_After="0")
    server.then(body=b"[]", Link='</flows?page=2>; rel="next"')
    server.then(body=b"[]")
    async with TamsClient(Target(server.url, TOKEN)) as tams:
        await tams.service()
        assert [flow async for flow in tams.flows()] == []
    assert [request.headers["Authorization"] for request in server.requests] == [BEARER] * 4


async def test_a_request_with_a_body_has_the_credentials(server: ScriptedServer) -> None:
    server.then(201)
    async with TamsClient(Target(server.url, TOKEN)) as tams:
        await tams.create_segments(
            "f", [NewSegment(object_id="o", timerange=TimeRange.from_str("[0:0_1:0)"))]
        )
    (request,) = server.requests
    assert request.headers["Authorization"] == BEARER
    assert request.headers["Content-Type"] == "application/json"


async def test_a_client_without_credentials_sends_no_header(server: ScriptedServer) -> None:
    server.then(body=SERVICE)
    async with TamsClient(server.url) as tams:
        await tams.service()
    assert "Authorization" not in server.requests[0].headers


async def test_another_origin_receives_no_credentials(server: ScriptedServer) -> None:
    with scripted_server() as other:
        server.then(body=b"[]", Link=f'<{other.url}/flows?page=2>; rel="next"')
        other.then(body=b"[]")
        async with TamsClient(Target(server.url, TOKEN)) as tams:
            assert [flow async for flow in tams.flows()] == []
    assert "Authorization" in server.requests[0].headers
    assert "Authorization" not in other.requests[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(server: ScriptedServer, status: int) -> None:
    with scripted_server() as other:
        server.then(status, Location=f"{other.url}/service")
        server.then(status, Location=f"{other.url}/service")
        async with TamsClient(Target(server.url, TOKEN)) as tams:
            with pytest.raises(BadAnswer, match="redirects are not followed"):
                await tams.service()
            with pytest.raises(BadAnswer, match="redirects are not followed"):
                async with tams.stream(f"{server.url}/object"):
                    pass
        assert other.requests == []


async def test_object_storage_at_the_origin_of_the_store_receives_no_credentials(
    server: ScriptedServer,
) -> None:
    server.then(200)
    server.then(body=b"bytes")
    async with TamsClient(Target(server.url, TOKEN)) as tams:
        await tams.upload(HttpRequest(url=f"{server.url}/bucket/o?X-Amz-Signature=s"), b"bytes")
        assert await tams.download(f"{server.url}/bucket/o?X-Amz-Signature=s") == b"bytes"
    assert not any("Authorization" in request.headers for request in server.requests)


async def test_the_error_of_a_refusal_has_no_secret(server: ScriptedServer) -> None:
    server.then(401, b'{"type": "UNAUTHENTICATED", "summary": "who is eyJhbGciOi.J9.sig?"}')
    async with TamsClient(Target(server.url, TOKEN)) as tams:
        with pytest.raises(Forbidden) as error:
            await tams.service()
    assert error.value.status == 401
    assert str(error.value) == "who is ***?"
